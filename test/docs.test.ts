import { globSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const read = (file: string): string => readFileSync(file, 'utf8')

it('every error code stands in the table of errors, and no other', () => {
  const codes = [...read('src/errors.ts').matchAll(/^ {2}\| '(\w+)'$/gm)].map(([, code]) => code as string)
  const told = [...read('docs/errors.md').matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell]) =>
    [...(cell as string).matchAll(/`(\w+)`/g)].map(([, code]) => code as string),
  )
  expect(codes.length).toBeGreaterThan(25)
  expect([...told].sort()).toEqual([...codes].sort())
})

it('every link inside README and docs leads somewhere', () => {
  const files = ['README.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md')]
  const dead = files.flatMap((file) => {
    const folder = file.includes('/') ? file.slice(0, file.lastIndexOf('/') + 1) : ''
    return [...read(file).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
      .map(([, target]) => target as string)
      .filter((target) => globSync(folder + target).length === 0)
      .map((target) => `${file} -> ${target}`)
  })
  expect(dead).toEqual([])
})
