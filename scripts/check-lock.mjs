// A lockfile made on one machine must install on every other, and must name no registry host.
import { readFileSync } from 'node:fs'

let faults = 0
for (const file of process.argv.length > 2 ? process.argv.slice(2) : ['package-lock.json']) {
  const { packages } = JSON.parse(readFileSync(file, 'utf8'))
  const present = new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, '')))
  for (const [path, entry] of Object.entries(packages)) {
    if (entry.resolved?.startsWith('http')) report(`${file}: ${path} names a registry host`)
    for (const name of Object.keys(entry.optionalDependencies ?? {}))
      if (!present.has(name)) report(`${file}: ${path}@${entry.version} lacks ${name}; pin a version that is complete`)
  }
}
process.exit(faults ? 1 : 0)

function report(fault) {
  faults++
  console.error(fault)
}
