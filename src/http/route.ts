// Which endpoint a path belongs to: `/users/42` and `/users/43` are one.

/** Made by machines: numbers, UUIDs, dates, hashes, addresses, and long words with digits in them. */
const ID = /^(\d[\d.,_-]*|[\da-f]{8}-[\da-f-]{27}|(?=.*\d)[\da-f]{8,}|(?=.*\d)[\w.~-]{16,}|.*(@|%40|%).*|[\w-]{33,})$/i

/** Turns paths into route templates (as OpenAPI writes them): by the given ones, else by what looks like an id. */
export function createRoutes(templates: readonly string[] = []): (path: string) => string {
  // The one with most literal text wins: `/users/me` before `/users/{id}`.
  const known = [...templates]
    .sort((a, b) => literal(b) - literal(a))
    .map((template) => ({ template, pattern: patternOf(template) }))
  return (path) => known.find(({ pattern }) => pattern.test(path))?.template ?? guessed(path)
}

/** A path with `{id}` in place of each segment that looks like one. */
export function guessed(path: string): string {
  return path
    .split('/')
    .map((segment) => (ID.test(segment) ? '{id}' : segment))
    .join('/')
}

function literal(template: string): number {
  return template.replaceAll(/\{[^}]*\}/g, '').length
}

function patternOf(template: string): RegExp {
  const parts = template.split(/\{[^}]*\}/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('[^/]+')}/?$`)
}
