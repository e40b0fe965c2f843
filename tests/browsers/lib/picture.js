// Xvfb's frame buffer (the X window dump format, version 7), to be looked at and kept as a PNG.

import { crc32, deflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const COLOUR_OCTETS = 12;

export class Picture {
  constructor(xwd) {
    const field = (number) => xwd.readUInt32BE(4 * number);
    const [headerOctets, version, bitsPerPixel, colours] = [field(0), field(1), field(11), field(19)];
    if (version !== 7 || bitsPerPixel !== 32) throw new Error(`version ${version} with ${bitsPerPixel} bits a pixel`);
    [this.width, this.height, this.lineOctets] = [field(4), field(5), field(12)];
    this.isLittleEndian = field(7) === 0;
    this.pixels = xwd.subarray(headerOctets + colours * COLOUR_OCTETS);
  }

  // Red, green and blue of a place, in one number.
  at(x, y) {
    const from = y * this.lineOctets + 4 * x;
    const pixel = this.isLittleEndian ? this.pixels.readUInt32LE(from) : this.pixels.readUInt32BE(from);
    return pixel & 0xffffff;
  }

  // The share of an area that differs from another picture.
  changed(other, { x, y, width, height }) {
    let changed = 0;
    const [right, bottom] = [Math.min(x + width, this.width), Math.min(y + height, this.height)];
    for (let row = y; row < bottom; row++) {
      for (let column = x; column < right; column++) {
        if (this.at(column, row) !== other.at(column, row)) changed += 1;
      }
    }
    return changed / ((right - x) * (bottom - y));
  }

  png() {
    const { width, height } = this;
    // Each line begins with its filter: none.
    const lines = Buffer.alloc(height * (1 + 3 * width));
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) lines.writeUIntBE(this.at(x, y), y * (1 + 3 * width) + 1 + 3 * x, 3);
    }
    const size = Buffer.alloc(13);
    size.writeUInt32BE(width, 0);
    size.writeUInt32BE(height, 4);
    // 8 bits for each of red, green and blue.
    size.set([8, 2], 8);
    const chunks = [chunk('IHDR', size), chunk('IDAT', deflateSync(lines)), chunk('IEND', Buffer.alloc(0))];
    return Buffer.concat([SIGNATURE, ...chunks]);
  }
}

function chunk(type, data) {
  const content = Buffer.concat([Buffer.from(type), data]);
  const framed = Buffer.alloc(content.length + 8);
  framed.writeUInt32BE(data.length, 0);
  content.copy(framed, 4);
  framed.writeUInt32BE(crc32(content), content.length + 4);
  return framed;
}
