// All that the gateway guards, from a page of another origin.
import type { ClientEvent } from 'latchkey'
import { type Place, play, scenarios } from '../../examples/gateway/scenarios.ts'

/** What became of each scenario, and what was told meanwhile. */
export async function playAll(url: string, issuer: string) {
  const stats = async () => (await fetch(`${url}stats`)).json()
  const place: Place = { url, issuer, stats }
  const events: ClientEvent[] = []
  const results = []
  for (const scenario of scenarios)
    results.push(
      await play(
        scenario,
        place,
        () => {},
        (event) => events.push(event),
      ),
    )
  return {
    failed: results.filter(({ problem }) => problem).map(({ title, problem }) => `${title}: ${problem}`),
    limited: results.find(({ title }) => title.startsWith('60 calls')),
    passed: results.filter(({ problem }) => !problem).length,
    warnings: events.filter(({ type }) => type === 'warning'),
  }
}
