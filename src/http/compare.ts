/** By code unit, in every locale. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
