// Asks the WebAssembly module of the page: for each line of KEYS a line with the reply and what it
// left, in hex.
//
//   node module.mjs IMAGE KEYS
import fs from "node:fs";

const [imageFile, keyFile] = process.argv.slice(2);
const module = fs.readFileSync(new URL("../../../report/assets/reader.wasm", import.meta.url));
const { instance } = await WebAssembly.instantiate(module, {});
const call = instance.exports;
const give = data => {
  const at = call.rblmap_alloc(data.length);
  new Uint8Array(call.memory.buffer, at, data.length).set(data);
  return at;
};
const image = fs.readFileSync(imageFile);
if (call.rblmap_open(give(image), image.length) !== 0) throw new Error("not opened");
const lines = fs.readFileSync(keyFile, "utf8").split("\n").map(key => {
  const data = new TextEncoder().encode(key);
  const reply = call.rblmap_lookup(0, give(data), data.length, 0n);
  const left = Buffer.from(call.memory.buffer, call.rblmap_out_at(), call.rblmap_out_len());
  return `${reply} ${left.toString("hex")}`;
});
process.stdout.write(lines.join("\n") + "\n");
