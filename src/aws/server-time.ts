/** What S3 says of its time (`RequestTimeTooSkewed`), and the other services (`Signature expired: … (20260301T120000Z - 5 min.)`). */
export function serverTime(said: string): number | '' | undefined {
  const s3 = /<ServerTime>([^<]+)</.exec(said)?.[1]
  const [, date, hour, minute, second] = /\((\d{8})T(\d\d)(\d\d)(\d\d)Z [-+] \d+ min/.exec(said) ?? []
  if (s3) return Date.parse(s3)
  return date && Date.parse(`${date.replace(/(....)(..)/, '$1-$2-')}T${hour}:${minute}:${second}Z`)
}
