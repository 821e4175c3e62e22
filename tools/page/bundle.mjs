// Bundles src/ into page.js and page.css of the folder that is named, with the notices of what is bundled. The same sources
// give the same bytes everywhere.
import { readFile, writeFile } from "node:fs/promises"
import { build } from "esbuild"

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error("bundle.mjs: name the folder to write to")

const packages = await Promise.all(["@dagrejs/dagre", "@dagrejs/graphlib"].map(async (name) => {
  const { version, license } = JSON.parse(await readFile(`node_modules/${name}/package.json`, "utf8"))
  return { title: `${name} ${version} (${license})`, text: await readFile(`node_modules/${name}/LICENSE`, "utf8") }
}))
const banner =
  "/*! The page of arspec explore (Apache-2.0), made by tools/page/build. " +
  `With ${packages.map((p) => p.title).join(" and ")}; their notices stand in NOTICE beside it. */`

await writeFile(`${folder}/NOTICE`, [
  "page.js holds these packages, each under its own licence.\n",
  ...packages.map((p) => `${p.title}\n\n${p.text.trim()}\n`),
].join("\n"))
const both = { bundle: true, minify: true, target: "es2022", charset: "ascii", logLevel: "warning" }
await build({ ...both, entryPoints: ["src/main.ts"], outfile: `${folder}/page.js`, format: "iife", legalComments: "none", banner: { js: banner } })
await build({ ...both, entryPoints: ["src/style/page.css"], outfile: `${folder}/page.css` })
