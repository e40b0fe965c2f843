// Decrypts the messages on standard input with npm's http_ece; writes how many.
'use strict';

const crypto = require('crypto');
const ece = require('http_ece');

const parameter = (header, name) => header.slice(header.indexOf(name + '=') + name.length + 1).split(';')[0];

let count = 0;
for (const line of require('fs').readFileSync(0, 'utf8').trim().split('\n')) {
  const message = JSON.parse(line);
  const receiver = crypto.createECDH('prime256v1');
  receiver.setPrivateKey(message.private, 'base64url');
  const parameters = { version: message.encoding, privateKey: receiver, authSecret: message.auth };
  if (message.encoding === 'aesgcm') {
    parameters.dh = parameter(message.crypto_key, 'dh');
    parameters.salt = parameter(message.encryption, 'salt');
  }
  const plaintext = ece.decrypt(Buffer.from(message.body, 'base64url'), parameters);
  const sha256 = crypto.createHash('sha256').update(plaintext).digest('base64url');
  if (sha256 !== message.sha256) throw new Error(`message ${count} decrypts to something else`);
  count += 1;
}
console.log(count);
