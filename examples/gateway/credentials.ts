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
}
