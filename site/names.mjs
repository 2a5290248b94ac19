// Modules are called as they are imported, pages by their heading.
import { readFileSync } from 'node:fs'
import { Converter } from 'typedoc'

const root = new URL('../', import.meta.url)
const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
const paths = new Map(
  Object.entries(exports)
    .filter(([, entry]) => entry.types)
    .map(([path, { types }]) => [types.replace('./dist/', '').replace(/\.d\.ts$/, ''), path.replace('.', 'latchkey')]),
)

export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.children ?? []) module.name = paths.get(module.name) ?? module.name
    for (const page of project.documents ?? [])
      page.name = /^# (.*)$/m.exec(readFileSync(new URL(`docs/${page.name}.md`, root), 'utf8'))?.[1] ?? page.name
  })
}
