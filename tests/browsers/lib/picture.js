// Xvfb's frame buffer (the X window dump format, version 7) as a PNG.

import { crc32, deflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const COLOUR_OCTETS = 12;

export function pngOfXwd(xwd) {
  const field = (number) => xwd.readUInt32BE(4 * number);
  const [headerOctets, version] = [field(0), field(1)];
  const [width, height, bitsPerPixel, lineOctets, colours] = [field(4), field(5), field(11), field(12), field(19)];
  const isLittleEndian = field(7) === 0;
  if (version !== 7 || bitsPerPixel !== 32) throw new Error(`no picture of 32 bits: version ${version}, ${bitsPerPixel}`);
  const pixels = xwd.subarray(headerOctets + colours * COLOUR_OCTETS);

  // Each line begins with its filter: none.
  const lines = Buffer.alloc(height * (1 + 3 * width));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = y * lineOctets + 4 * x;
      const pixel = isLittleEndian ? pixels.readUInt32LE(from) : pixels.readUInt32BE(from);
      lines.writeUIntBE(pixel & 0xffffff, y * (1 + 3 * width) + 1 + 3 * x, 3);
    }
  }
  const size = Buffer.alloc(13);
  size.writeUInt32BE(width, 0);
  size.writeUInt32BE(height, 4);
  // 8 bits for each of red, green and blue.
  size.set([8, 2], 8);
  return Buffer.concat([SIGNATURE, chunk('IHDR', size), chunk('IDAT', deflateSync(lines)), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(type, data) {
  const content = Buffer.concat([Buffer.from(type), data]);
  const framed = Buffer.alloc(content.length + 8);
  framed.writeUInt32BE(data.length, 0);
  content.copy(framed, 4);
  framed.writeUInt32BE(crc32(content), content.length + 4);
  return framed;
}
