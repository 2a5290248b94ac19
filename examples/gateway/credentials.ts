/** The credentials this gateway hands out. They open nothing but this demo. */
export const demo = {
  key: 'demo-key',
  user: 'ada',
  password: 'pässword',
  token: 'demo-token',
  keyId: 'demo-id',
  secret: 'demo-secret',
  clientId: 'demo-service',
  clientSecret: 'demo-client-secret',
  /** A program of a user: public, by a code on another device, or by a browser that comes back to this machine. */
  programId: 'demo-program',
}
