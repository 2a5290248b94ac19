// What the checks of the engines share.
/** Runs one after the other: the name of each, and what is wrong with it. */
export async function judged(checks) {
  const results = []
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check()
      results.push({ name })
    } catch (error) {
      results.push({ name, problem: `${error?.name}: ${error?.message}` })
    }
  }
  return results
}

export function equal(actual, expected, more = '') {
  if (actual !== expected) throw new Error(`expected ${String(expected)}, got ${String(actual)} ${more}`)
}

export async function codeOf(task) {
  try {
    await task()
    return 'none'
  } catch (error) {
    return error.code ?? error.name
  }
}

export async function until(done) {
  for (let i = 0; i < 100 && !(await done()); i++) await new Promise((resolve) => setTimeout(resolve, 20))
}

export function safely(task) {
  try {
    return String(task())
  } catch {
    return ''
  }
}
