// The hashes of SHA-2 with 64-bit words. The build puts them into a file of their own: in the library they share one with
// SHA-256, and no bundler can tell them apart there, so that who needs one of both would load all.
export { sha384, sha512, sha512_256 } from '@noble/hashes/sha2.js'
