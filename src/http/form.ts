/**
 * A form as multipart/form-data (RFC 7578, and the HTML standard's encoding), the same in every runtime and for every
 * attempt. Files stay where they are until they are read.
 *
 * Left to fetch, a form that is broken off on its way ends the process in Node 24.
 */
export function encodedForm(form: FormData): Blob {
  const boundary = `latchkey-${crypto.randomUUID()}`
  const parts: BlobPart[] = []
  for (const [name, value] of form) {
    parts.push(`--${boundary}\r\ncontent-disposition: form-data; name="${escaped(lines(name))}"`)
    if (typeof value === 'string') parts.push(`\r\n\r\n${lines(value)}\r\n`)
    else
      parts.push(
        `; filename="${escaped(value.name)}"\r\ncontent-type: ${value.type || 'application/octet-stream'}\r\n\r\n`,
        value,
        '\r\n',
      )
  }
  return new Blob([...parts, `--${boundary}--\r\n`], { type: `multipart/form-data; boundary=${boundary}` })
}

function lines(text: string): string {
  return text.replace(/\r\n?|\n/g, '\r\n')
}

function escaped(text: string): string {
  return text.replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22')
}
