import type { Throttled } from './verdict.ts'

interface GraphqlAnswer {
  readonly errors?: readonly { readonly extensions?: { readonly code?: unknown }; readonly type?: unknown }[]
  readonly extensions?: {
    readonly cost?: {
      readonly requestedQueryCost?: number
      readonly throttleStatus?: { readonly currentlyAvailable?: number; readonly restoreRate?: number }
    }
  }
}

const CODES = ['THROTTLED', 'RATE_LIMITED', 'RATELIMITED']

/** Sees a GraphQL refusal in a 200: an error with the code `THROTTLED`, `RATE_LIMITED` or the like; waits for what a query costs where the answer says so. */
export const graphqlThrottled: Throttled = async (answer) => {
  if (answer.status !== 200 || !/json/.test(answer.headers.get('content-type') ?? '')) return undefined
  const text = await answer.peek()
  if (!CODES.some((code) => text.includes(`"${code}"`))) return undefined
  const { errors, extensions } = parsed(text)
  const refused = errors?.some(({ extensions, type }) => CODES.includes(String(extensions?.code ?? type)))
  if (!refused) return undefined
  const { requestedQueryCost = 0, throttleStatus: { currentlyAvailable = 0, restoreRate = 0 } = {} } =
    extensions?.cost ?? {}
  const missing = requestedQueryCost - currentlyAvailable
  return restoreRate > 0 && missing > 0 ? Math.ceil((missing / restoreRate) * 1000) : true
}

function parsed(text: string): GraphqlAnswer {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}
