// Reads .aseprite files with two independent parsers; prints what each made of each file.
//   node read_aseprite.js a.aseprite b.aseprite ...
const fs = require("fs");
const crypto = require("crypto");
const zlib = require("zlib");
const AseParser = require("ase-parser");
const Kaitai = require("aseprite");

// One hash of the RGBA bytes that a frame shows: its cels pasted onto the canvas.
function hash(width, height, cels) {
  const canvas = Buffer.alloc(width * height * 4);
  for (const { x, y, w, h, pixels } of cels) {
    for (let row = 0; row < h; row++) {
      pixels.copy(canvas, ((y + row) * width + x) * 4, row * w * 4, (row + 1) * w * 4);
    }
  }
  return crypto.createHash("sha256").update(canvas).digest("hex");
}

function withAseParser(data, name) {
  const file = new AseParser(data, name);
  file.parse();
  const { width, height } = file;
  const box = (c) => ({ x: c.xpos, y: c.ypos, w: c.w, h: c.h, pixels: c.rawCelData });
  const direction = { Forward: 0, Reverse: 1, "Ping-pong": 2 };
  return {
    size: [width, height],
    durations: file.frames.map((f) => f.frameDuration),
    layers: file.layers.map((layer) => layer.name),
    tags: file.tags.map((t) => [t.name, t.from, t.to, direction[t.animDirection]]),
    palette: file.palette.colors.map((c) => [c.red, c.green, c.blue, c.alpha]),
    pivots: file.slices.map((s) => s.keys.map((k) => [k.pivot.x, k.pivot.y])),
    frames: file.frames.map((f) => hash(width, height, f.cels.map(box))),
  };
}

function withKaitai(data) {
  const file = Kaitai.parse(data);
  const { width, height } = file.header;
  const all = (type) =>
    file.frames.flatMap((f) => f.chunks.filter((c) => c.type === type).map((c) => c.data));
  const cels = file.frames.map((f) => f.chunks.filter((c) => c.type === 0x2005));
  const box = ({ data: c }) => {
    const drawn = c.type === 1 ? cels[c.frameLink][0].data : c;
    return { x: c.x, y: c.y, w: drawn.width, h: drawn.height, pixels: Buffer.from(drawn.pixels) };
  };
  return {
    size: [width, height],
    durations: file.frames.map((f) => f.header.duration),
    layers: all(0x2004).map((layer) => layer.name),
    tags: all(0x2018).flatMap((c) => c.tags.map((t) => [t.name, t.from, t.to, t.direction])),
    palette: all(0x2019).flatMap((c) => c.entries.map((k) => [k.r, k.g, k.b, k.a])),
    pivots: all(0x2022).map((s) => s.keys.map((k) => [k.pivotX, k.pivotY])),
    frames: cels.map((row) => hash(width, height, row.map(box))),
  };
}

const reports = process.argv.slice(2).map((name) => {
  const data = fs.readFileSync(name);
  return [withAseParser(data, name), withKaitai(data)];
});
console.log(JSON.stringify(reports));
