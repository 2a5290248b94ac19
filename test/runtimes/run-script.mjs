// For engines that run a file: Node, Deno, Bun. Arguments: the API's address, the engine's name.
import { desktopChecks } from './desktop.mjs'
import { suite } from './suite.mjs'

const [baseUrl, engine] = (globalThis.process?.argv ?? globalThis.Deno.args).slice(-2)
console.log(JSON.stringify([...(await suite(baseUrl, engine)), ...(await desktopChecks(baseUrl))]))
