// A live view of what waits, what flies, and what the API said of its quota.
import { useEffect, useState, useSyncExternalStore } from 'react'
import { api } from './api.ts'
import { current, watch } from './traffic.ts'

export function Live() {
  const { calls, refusals, renewals } = useSyncExternalStore(watch, current)
  const count = (state: string) => calls.filter((call) => call.state === state).length
  return (
    <aside>
      <h2>Live</h2>
      <dl>
        <dt>waiting here</dt>
        <dd>{count('waiting')}</dd>
        <dt>on the wire</dt>
        <dd>{count('flying')}</dd>
        <dt>answered</dt>
        <dd id="answered">{count('done')}</dd>
        <dt>refused (429)</dt>
        <dd>{refusals}</dd>
        <dt>renewals</dt>
        <dd>{renewals}</dd>
      </dl>
      <Quota />
      <ul className="calls" aria-label="requests">
        {calls.map(({ id, path, state, note, attempts }) => (
          <li key={id} className={state} title={`${path} ${state} ${note} (${attempts})`}>
            {state === 'waiting' ? '…' : attempts > 1 ? attempts : ''}
          </li>
        ))}
      </ul>
    </aside>
  )
}

/** What `limits()` knows, looked at while something may change. */
function Quota() {
  const [, look] = useState(0)
  useEffect(() => {
    const timer = setInterval(() => look((n) => n + 1), 250)
    return () => clearInterval(timer)
  }, [])
  const known = api.limits().find(({ limit }) => limit !== undefined)
  if (known?.limit === undefined) return <p className="quota">The API has not told a limit yet.</p>
  const { limit, remaining = 0, resetAt, source } = known
  const seconds = resetAt ? Math.max(0, Math.ceil((resetAt - Date.now()) / 1000)) : undefined
  return (
    <p className="quota">
      <meter min={0} max={limit} low={limit / 5} value={remaining} />
      <br />
      {remaining} of {limit} left{seconds !== undefined && `, more in ${seconds} s`} <small>({source})</small>
    </p>
  )
}
