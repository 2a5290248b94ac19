/** Compares in a time that depends on the lengths only, so that no attacker learns how much of a guess was right. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i % b.length] ?? 0)
  return difference === 0
}
