// The client against the hostile servers of fake-mail-server (EAST, "Why TLS is better without STARTTLS"): whatever the
// server answers, mail that requires TLS never goes in clear, and every attempt ends with a value.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseSmtpPath } from '../../message/smtp-path.ts'
import { testWorld } from '../../world/testing.ts'
import { type ClientTls, SmtpConnection } from './client.ts'
import { type FakeServer, fakeServers, type Heard, serveFake } from './fake-server.ts'
import { toWire } from './wire.ts'

const folder = new URL('../../../../shared/suites/attack-smtp/', import.meta.url)
const at = { address: '192.0.2.1', port: 25 }

function servers(): FakeServer[] {
  const files = readdirSync(folder, { recursive: true }).map(String)
  return files
    .filter((name) => name.endsWith('.ron'))
    .flatMap((name) => fakeServers(name, readFileSync(new URL(name, folder), 'utf8')))
}

async function attempt(server: FakeServer, tls: ClientTls): Promise<{ inClear: string[]; outcome: string }> {
  const { world, run } = testWorld()
  const heard: Heard = { inClear: [], taken: 0 }
  const { network, clock } = world
  const outcome = await run(async () => {
    await network.listen(at, (stream) => void serveFake(stream, server, heard).catch(() => stream.destroy()))
    const smtp = await SmtpConnection.open({
      network,
      clock,
      endpoint: at,
      serverName: 'x.test',
      heloName: 'out.test',
      tls,
    })
    if (!(smtp instanceof SmtpConnection)) {
      assert.ok(smtp.reply.code >= 400, server.name)
      return `no ${smtp.stage}`
    }
    const from = parseSmtpPath('<>', 'reverse')
    const to = parseSmtpPath('<bob@two.test>', 'forward')
    assert.ok(from.ok && to.ok)
    const envelope = {
      reversePath: from.path,
      recipients: [{ forwardPath: to.path }],
      body: '7BIT',
      smtputf8: false,
    } as const
    const result = await smtp.send({ envelope, message: Buffer.from('Subject: x\r\n\r\nsecret\r\n') })
    await smtp.reset()
    await smtp.quit()
    return result.recipients[0]!.state
  })
  return { inClear: heard.inClear, outcome }
}

test('hostile servers of fake-mail-server: mail that requires TLS never goes in clear', async (t) => {
  if (!existsSync(folder)) return t.skip('shared/suites/attack-smtp is absent')
  const all = servers()
  assert.ok(all.length > 60, String(all.length))
  for (const server of all) {
    for (const tls of ['required', 'opportunistic'] as const) {
      const { inClear, outcome } = await attempt(server, tls)
      const sentInClear = inClear.some((line) => /^(MAIL|RCPT|DATA)|secret/.test(line))
      assert.ok(tls === 'opportunistic' || !sentInClear, `${server.name}: ${inClear.join(', ')}`)
      assert.match(outcome, /^(no (greeting|hello|tls)|accepted|deferred|refused)$/, server.name)
    }
  }
  const injected = all.find((s) => s.protocol === 'smtp' && s.name.includes('B_1') && s.name.includes('next'))!
  assert.equal((await attempt(injected, 'opportunistic')).outcome, 'no tls')
})

test('content on the wire', () => {
  const wire = (text: string) => Buffer.concat(toWire(Buffer.from(text)).pieces).toString()
  const cases: [given: string, sent: string][] = [
    ['', '.\r\n'],
    ['a', 'a\r\n.\r\n'],
    ['a\r\n', 'a\r\n.\r\n'],
    ['.\r\n', '..\r\n.\r\n'],
    ['.a\r\n.b\r\n..\r\n\r\n.', '..a\r\n..b\r\n...\r\n\r\n..\r\n.\r\n'],
    ['a\nb\n', 'a\r\nb\r\n.\r\n'],
    ['a\n.\nb', 'a\r\n..\r\nb\r\n.\r\n'],
    ['a\r.\rb\r\r\n', 'a . b \r\n.\r\n'],
    ['\r\n\0.\r\n', '\r\n .\r\n.\r\n'],
  ]
  for (const [given, sent] of cases) assert.equal(wire(given), sent, JSON.stringify(given))
  const latin = toWire(Buffer.from('Subject: \xe9\r\n\r\nx', 'latin1'))
  assert.deepEqual([latin.eightBit, latin.eightBitHeader, latin.sizeBytes], [true, true, 17])
  assert.equal(toWire(Buffer.from('Subject: e\r\n\r\né')).eightBitHeader, false)
})
