// A page in front of its own back end: the browser holds the session cookie, a header proves the page.
import { cookieSession, createClient } from 'latchkey'

export const backEnd = (baseUrl: string) =>
  createClient({ baseUrl, auth: cookieSession({ csrf: { header: 'X-XSRF-Token', from: 'XSRF-TOKEN' } }) })
