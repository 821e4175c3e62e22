// Bundles src/ and the language client into dist/extension.cjs, with the notices of what is bundled.
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises"
import { build } from "esbuild"

await mkdir("dist", { recursive: true })
const { metafile } = await build({
  entryPoints: ["src/extension.ts"], outfile: "dist/extension.cjs", bundle: true, minify: true, platform: "node",
  format: "cjs", target: "node20", external: ["vscode"], charset: "utf8", legalComments: "none", logLevel: "warning",
  metafile: true,
})
const inside = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//
const names = [...new Set(Object.keys(metafile.inputs).map((file) => inside.exec(file)?.[1]).filter(Boolean))].sort()
const notices = await Promise.all(names.map(async (name) => {
  const folder = `node_modules/${name}`
  const { version, license } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"))
  const file = (await readdir(folder)).find((one) => /^licen[cs]e/i.test(one))
  const text = file === undefined ? "" : await readFile(`${folder}/${file}`, "utf8")
  return `${name} ${version} (${license})\n\n${text.trim()}\n`
}))
await writeFile("dist/NOTICE", ["extension.cjs holds these packages, each under its own licence.\n", ...notices].join("\n"))
