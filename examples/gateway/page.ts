// The same client, in the visitor's browser: every request a cell, every event a line.
import type { ClientEvent } from 'latchkey'
import { type Place, play, type Scenario, scenarios } from './scenarios.ts'

const stats = async () => (await fetch('/stats')).json()
const place: Place = { url: `${location.origin}/`, issuer: (await stats()).issuer, stats }
const list = document.querySelector('#scenarios') as HTMLElement
const button = document.querySelector('button') as HTMLButtonElement
const summary = document.querySelector('#summary') as HTMLElement

const cards = scenarios.map((scenario) => ({ scenario, ...card(scenario) }))
button.onclick = run
void run()

async function run(): Promise<void> {
  button.disabled = true
  let passed = 0
  for (const { show } of cards) show.reset()
  for (const [index, { scenario, show }] of cards.entries()) {
    summary.textContent = `running ${index + 1} of ${cards.length}`
    show.start()
    const result = await play(scenario, place, () => {}, show.event)
    if (!result.problem) passed++
    show.end(
      result.problem,
      `${result.requests} sent · ${result.retries} again · ${result.refused} × 429 · ${Math.round(result.milliseconds)} ms`,
    )
  }
  summary.textContent = `${passed} of ${cards.length} passed`
  document.body.dataset.done = String(passed === cards.length)
  button.disabled = false
}

function card(scenario: Scenario) {
  const root = document.createElement('article')
  const title = document.createElement('h2')
  const verdict = document.createElement('span')
  const cells = document.createElement('div')
  const line = document.createElement('p')
  title.textContent = scenario.title
  verdict.className = 'verdict'
  cells.className = 'cells'
  title.append(verdict)
  root.append(title, cells, line)
  list.append(root)
  const byId = new Map<number, HTMLElement>()

  return {
    show: {
      reset() {
        byId.clear()
        cells.replaceChildren()
        root.className = ''
        verdict.textContent = ''
        line.textContent = ''
      },
      start() {
        root.className = 'running'
        root.scrollIntoView({ block: 'nearest', behavior: 'smooth' })
      },
      event(event: ClientEvent) {
        line.textContent = told(event)
        if (!('id' in event)) return
        const cell = byId.get(event.id) ?? cells.appendChild(document.createElement('i'))
        byId.set(event.id, cell)
        const state = stateOf(event)
        if (state) cell.className = state
        cell.title = `#${event.id} ${event.method} ${new URL(event.url).pathname}: ${told(event)}`
      },
      end(problem: string | undefined, figures: string) {
        root.className = problem ? 'failed' : 'passed'
        verdict.textContent = problem ? 'failed' : 'passed'
        line.textContent =
          problem ?? (cells.childElementCount ? figures : 'refused before it is sent: a browser would drop it')
      },
    },
  }
}

function stateOf(event: ClientEvent): string | undefined {
  if (event.type === 'attempt') return 'flying'
  if (event.type === 'wait' || event.type === 'retry') return 'waiting'
  if (event.type === 'response') return event.status >= 200 && event.status < 300 ? 'ok' : 'no'
  return undefined
}

function told(event: ClientEvent): string {
  const ms = (duration: number) =>
    Number.isFinite(duration) ? `${Math.round(duration)} ms` : 'until another call ends'
  if (event.type === 'attempt') return `attempt ${event.number} leaves`
  if (event.type === 'response') return `status ${event.status} after ${ms(event.duration)}`
  if (event.type === 'wait') return `held back (${event.reason}), ${ms(event.duration)}`
  if (event.type === 'retry') return `again in ${ms(event.delay)} (${event.reason})`
  if (event.type === 'replay') return `again at once (${event.reason})`
  if (event.type === 'session_ended') return `session ended (${event.reason})`
  if (event.type === 'unsaved') return `token not saved (${event.code})`
  if (event.type === 'version') return 'the API tells its version'
  if (event.type === 'end') return `done after ${event.attempts} attempts, ${ms(event.duration)}`
  if (event.type === 'warning') return event.code === 'headers_hidden' ? `expose ${event.expose}` : event.code
  return `token ${event.outcome} in ${ms(event.duration)}`
}
