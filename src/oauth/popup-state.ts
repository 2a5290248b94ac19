/** Between what makes a `state` one of a kind and the name of the page that waits for it. */
const POPUP = '.popup.'

/** A `state` whose answer goes to the page of that name, where one waits. */
export function popupState(unique: string, popup: string | undefined): string {
  return popup === undefined ? unique : unique + POPUP + popup
}

/** The page that waits for the answer with this `state`, undefined when it goes to nobody else. */
export function popupOf(state: string): string | undefined {
  return state.split(POPUP)[1]
}
