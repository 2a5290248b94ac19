// What Stryker leaves out: the wording of messages, and all that is not in the list that run.mjs drew.
import { readFileSync } from 'node:fs'
import { declareFactoryPlugin, declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin'

/** The same in the list, in Stryker's processes and in its report. */
export function keyOf({ fileName, location: { start, end }, mutatorName, replacement }) {
  const file = fileName.slice(fileName.lastIndexOf('/src/') + 1)
  return `${file}:${start.line}:${start.column}-${end.line}:${end.column} ${mutatorName} ${replacement}`
}

/** A text for people: the words of an error. Its code, and all else that programs read, is broken like the rest. */
export const messages = {
  shouldIgnore({ node, parent, listKey, parentPath }) {
    const saysWhy = parent?.type === 'ObjectProperty' && parentPath?.parentPath?.parent?.id?.name === 'WHY'
    const toAnError =
      listKey === 'arguments' &&
      /Error$|^refused$|^invalidIssuer$|^super$/.test(parent.callee?.type === 'Super' ? 'super' : parent.callee?.name)
    return (saysWhy || toAnError) && /\s/.test(textOf(node)) ? 'the words of a message' : undefined
  },
}

function textOf(node) {
  if (node.type === 'StringLiteral') return node.value
  if (node.type === 'TemplateLiteral') return node.quasis.map(({ value }) => value.raw).join('')
  return node.type === 'BinaryExpression' && node.operator === '+' ? textOf(node.left) + textOf(node.right) : ''
}

function createSample() {
  const drawn = new Set(JSON.parse(readFileSync(process.env.MUTATE_DRAWN, 'utf8')))
  return {
    init: async () => {},
    check: async (mutants) =>
      Object.fromEntries(
        mutants.map((mutant) => [
          mutant.id,
          drawn.has(keyOf(mutant)) ? { status: 'passed' } : { status: 'compileError', reason: 'not drawn' },
        ]),
      ),
    group: async (mutants) => [mutants.map(({ id }) => id)],
  }
}

export const strykerPlugins = [
  declareValuePlugin(PluginKind.Ignore, 'messages', messages),
  declareFactoryPlugin(PluginKind.Checker, 'sample', createSample),
]
