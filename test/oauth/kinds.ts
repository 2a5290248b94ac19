import { loopback } from '../../src/oauth/node.ts'
import { ciba, deviceCode, type Login } from '../../src/oauth/oauth.ts'
import { type OpenIdProvider, SECRET } from '../servers/openid.ts'

export type Transport = (input: string, init?: RequestInit) => Promise<Response>

type Kind = Login & { signIn(options?: { signal?: AbortSignal }): Promise<void> }

/** Each kind of sign-in that takes a signal, whose user agrees at once. */
export const KINDS: Record<string, (as: OpenIdProvider, fetch: Transport) => Kind> = {
  deviceCode: (as, fetch) =>
    deviceCode({ issuer: as.issuer, clientId: 'tv', scope: 'openid', fetch: fetch as never, prompt: ({ userCode }) => void as.approve(userCode).catch(() => {}) }),
  ciba(as, fetch) {
    as.provider.setMaxListeners(0)
    // What the user decides is saved too.
    const asked = new Set<string>()
    as.provider.on('backchannel_authentication_request.saved', async ({ jti, accountId }) => {
      if (asked.has(jti)) return
      asked.add(jti)
      const grant = new as.provider.Grant({ accountId, clientId: 'bank' })
      grant.addOIDCScope('openid')
      await grant.save()
      await as.provider.backchannelResult(jti, grant, { acr: '0', authTime: Math.floor(Date.now() / 1000) } as never)
    })
    const login = ciba({ issuer: as.issuer, clientId: 'bank', clientSecret: SECRET, fetch: fetch as never })
    return { ...login, signIn: (options) => login.signIn({ loginHint: 'ada', ...options }) }
  },
  loopback: (as, fetch) =>
    loopback({ issuer: as.issuer, clientId: 'app', path: '/cb', scope: 'openid', fetch: fetch as never, open: (url) => void as.visit(url).then((back) => globalThis.fetch(back)).catch(() => {}) }),
} // biome-ignore format: one a line

/** In no hurry to keep us waiting. */
export const quick: Transport = async (input, init) => {
  const response = await fetch(input, init)
  if (!/device\/auth|backchannel/.test(input) || !response.ok) return response
  return Response.json({ ...(await response.json()), interval: 0.03 })
}
