// Reads .tmj files with Phaser's own parser, without a browser; prints one JSON summary per file.
//   node read_tmj.js a.tmj b.tmj ...
const fs = require("fs");
const path = require("path");

// Phaser looks at the browser while it loads; the parser itself never touches it.
const nothing = new Proxy(
  {},
  {
    get: (target, key) =>
      key === "getImageData" ? () => ({ data: new Uint8Array(8) }) : target[key] || (() => ({})),
    set: (target, key, value) => ((target[key] = value), true),
  }
);
const element = () => ({
  getContext: () => nothing,
  canPlayType: () => "",
  addEventListener() {},
  style: {},
});
globalThis.window = globalThis.self = globalThis;
globalThis.document = { createElement: element, documentElement: element(), body: element() };
for (const name of ["HTMLCanvasElement", "HTMLElement", "Image", "XMLHttpRequest"]) {
  globalThis[name] = class {};
}
const navigator = { userAgent: "node", appVersion: "", maxTouchPoints: 0 };
Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });

// The package only lets its bundle be required; the parser is a file beside it.
const source = path.join(path.dirname(require.resolve("phaser/package.json")), "src");
const parse = require(path.join(source, "tilemaps/parsers/tiled/ParseJSONTiled.js"));

const reports = [];
for (const file of process.argv.slice(2)) {
  const map = parse("map", JSON.parse(fs.readFileSync(file, "utf8")), false);
  reports.push({
    size: [map.width, map.height],
    tile: [map.tileWidth, map.tileHeight],
    properties: map.properties,
    layers: map.layers.map((layer) => ({
      name: layer.name,
      tiles: layer.data.map((row) => row.map((tile) => [tile.index, tile.rotation, tile.flipX])),
      solid: layer.data.map((row) => row.map((tile) => (tile.properties || {}).solid === true)),
    })),
    tilesets: map.tilesets.map((tileset) => ({
      name: tileset.name,
      firstgid: tileset.firstgid,
      margin: tileset.tileMargin,
      spacing: tileset.tileSpacing,
      properties: tileset.tileProperties,
      animations: Object.fromEntries(
        Object.entries(tileset.tileData || {})
          .filter(([, data]) => data.animation)
          .map(([tile, data]) => [tile, data.animation])
      ),
    })),
    objects: map.objects.map((group) => ({
      name: group.name,
      objects: group.objects.map((item) => [item.id, item.type, item.x, item.y, item.properties]),
    })),
  });
}
console.log(JSON.stringify(reports));
