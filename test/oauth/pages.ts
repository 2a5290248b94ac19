import { onTestFinished } from 'vitest'
import { type LoginPage, servePage } from '../../examples/run/page.ts'
import type { OpenIdProvider } from '../servers/openid.ts'

/** The page of examples/browser-login.ts, until the test ends. `headers` come with the page itself. */
export async function page(
  as: OpenIdProvider,
  clientId: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<LoginPage> {
  const served = await servePage(as.issuer, clientId, as.isActive, headers)
  onTestFinished(() => served.close())
  return served
}
