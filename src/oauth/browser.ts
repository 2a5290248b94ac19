// A sign-in in a window of its own, so that the page stays as it is.
import { OAuthError } from '../errors.ts'
import { abortable } from '../timing.ts'
import type { Completed } from './authorization.ts'
import type { CodeLogin } from './authorization-code.ts'
import type { StartOptions } from './authorization-options.ts'
import { popupOf } from './popup-state.ts'

export interface PopupOptions extends Omit<StartOptions, 'popup'> {
  /** As `window.open()` takes them. Default `'popup,width=480,height=640'`. */
  features?: string
  signal?: AbortSignal
}

/** Milliseconds between two looks at the window; it is taken for closed when it was at several of them. */
const LOOK = 500
const LOOKS = 3
/** Milliseconds that the page may take to say that it has the answer. */
const HANDOVER = 2000

/**
 * Signs in by a popup. Call it in answer to a click, or the browser opens no window. The page at `redirectUri` is of the same origin, and
 * calls `returnToOpener()`.
 * @throws OAuthError `interaction_required` when there is no window or the user closed it, and all that `start()` and `complete()` throw
 * @throws the signal's reason
 */
export async function signInWithPopup(login: CodeLogin, options: PopupOptions = {}): Promise<Completed> {
  const { features = 'popup,width=480,height=640', signal = new AbortController().signal, ...asked } = options
  signal.throwIfAborted()
  // Before anything is waited for: later the browser would take it for an advertisement.
  const popup = globalThis.open('about:blank', '', features)
  if (!popup)
    throw new OAuthError(
      'interaction_required',
      'The browser opened no window: call `signInWithPopup()` in answer to a click, or go to what `start()` gives.',
    )
  const id = crypto.randomUUID()
  const channel = new BroadcastChannel(channelName(id))
  let timer: ReturnType<typeof setInterval> | undefined
  try {
    popup.location.href = await abortable(login.start({ ...asked, popup: id }), signal)
    const url = await abortable(
      new Promise<string>((resolve, reject) => {
        channel.onmessage = ({ data }) => {
          channel.postMessage('taken')
          resolve(String(data))
        }
        let looks = 0
        timer = setInterval(() => {
          // A server that isolates its pages (COOP) makes an open window look closed: but then the user is there, and not here.
          looks = popup.closed && document.hasFocus() ? looks + 1 : 0
          if (looks >= LOOKS)
            reject(new OAuthError('interaction_required', 'The window was closed before anybody signed in. Try again.'))
        }, LOOK)
      }),
      signal,
    )
    return await login.complete(url)
  } finally {
    clearInterval(timer)
    channel.close()
    popup.close()
  }
}

/**
 * In the page at `redirectUri`: hands the answer to the page that opened this window, and closes it. False when there is none, and the
 * sign-in is to be completed here.
 */
export async function returnToOpener(url: string | URL = globalThis.location.href): Promise<boolean> {
  const id = popupOf(new URL(url).searchParams.get('state') ?? '')
  if (id === undefined) return false
  const channel = new BroadcastChannel(channelName(id))
  try {
    const taken = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), HANDOVER)
      channel.onmessage = () => {
        clearTimeout(timer)
        resolve(true)
      }
      channel.postMessage(String(url))
    })
    if (taken) globalThis.close()
    return taken
  } finally {
    channel.close()
  }
}

/** Heard by pages of this origin only. */
function channelName(id: string): string {
  return `latchkey popup ${id}`
}
