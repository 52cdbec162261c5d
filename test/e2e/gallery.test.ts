// Predictions and reality: the gallery's systems as real agents with real sockets on loopback do in every cell what the
// simulated world said; so do descriptions that are written for the Internet, or that say nothing but the flow.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gallery } from '../../src/cli/verbs/gallery.ts'

async function told(folder?: string): Promise<{ code: number; text: string }> {
  let text = ''
  const code = await gallery(folder, '1', (piece) => {
    text += piece
    return true
  })
  return { code, text }
}

test('every cell of the gallery', async () => {
  const { code, text } = await told()
  assert.equal(code, 0, text)
  const [, passed] = /\n(\d+) passed, 0 failed, 0 skipped\n$/.exec(text) ?? []
  assert.ok(Number(passed) > 300, text)
})

test('another folder: what is for the Internet, what is only drawn, and what cannot be run', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gallery-'))
  try {
    writeFileSync(join(folder, 'drawn.borderpost'), 'Author ==> MSA/Transmitter --> / --> Receiver/MDA ==> Recipient\n')
    writeFileSync(join(folder, 'odd.borderpost'), 'Author ==> Postman --> / --> Receiver/MDA ==> Recipient\n')
    writeFileSync(join(folder, 'README.md'), '# no description\n')
    writeFileSync(
      join(folder, 'public.borderpost'),
      `Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/Forwarder@old ~~> Receiver/MDA@new ==> Recipient@bob

sender: domain=sender.example, ip=192.0.2.1, acme=hostmaster@sender.example
old:    domain=old.example, ip=198.51.100.1, forward="bob@old.example -> bob@new.example"
new:    domain=new.example, ip=2001:db8::1, clamav=/run/clamd.sock
anna: address=anna@sender.example
bob:  address=bob@new.example, trusts=old
`,
    )
    const { code, text } = await told(folder)
    assert.equal(code, 0, text)
    assert.match(text, /^drawn\.borderpost: 7 of 7 cells agree$/m)
    assert.match(text, /^odd\.borderpost: cannot be run: .*Postman/m)
    assert.match(text, /^public\.borderpost: 13 of 13 cells agree$/m)
    assert.match(text, /\n20 passed, 0 failed, 1 skipped\n$/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
