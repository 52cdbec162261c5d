// A company whose mail is carried looks after it by HTTP, by the name and password of its contract.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { request } from 'node:https'
import { test } from 'node:test'
import type { SessionFacts } from '../protocols/smtp/policy.ts'
import { failedCommands } from '../roles/bounces/suppressed.ts'
import { keyFingerprint } from '../roles/certificates.ts'
import { forwardPathOf, reversePathOf } from '../roles/routing.ts'
import { contractPolicy } from '../roles/transmitter/contract.ts'
import { backendsOf } from '../system/web.ts'
import type { TlsIdentity } from '../world/network.ts'
import { httpsServer } from '../world/real/http.ts'
import { realKeymaker } from '../world/real/keymaker.ts'
import { createWeb } from './server.ts'
import { type Asking, atSender } from './testing-sending.ts'

const MORE = `
contract acme: by=sender, domain=acme.test, messages-per-day=100
contract other: by=sender, domain=other.test
`

async function atCarrier(t: Parameters<typeof atSender>[0]) {
  const it = await atSender(t, MORE)
  const { agent } = it
  const contracts = agent.contracts!
  const nowMs = String(agent.world.clock.now())
  for (const name of ['acme', 'other']) {
    assert.equal((await contracts.setPassword(name, `secret of ${name}`)).ok, true)
    await agent.store.commit([{ kind: 'setting.put', key: `contract.${name}.proven.${name}.test`, value: nowMs }])
  }
  const as = (name: string, password = `secret of ${name}`) =>
    `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
  const asked = (name: string, path: string, more: Asking = {}) =>
    it.ask(`/api/contract${path}`, { ...more, headers: { authorization: as(name) } })
  const policy = contractPolicy(agent, contracts)
  const session = (user: string) =>
    ({ user, peer: { address: '192.0.2.1', port: 1 }, helo: 'x', protocol: 'ESMTPSA' }) as unknown as SessionFacts
  /** Hands a message over, as at the submission door; the reply to the recipient, or to the message. */
  const carry = async (name: string, to: string, subject = 'hello') => {
    const path = { forwardPath: forwardPathOf(to) }
    const from = `news@${name}.test`
    const here = session(name)
    const refusal =
      (await policy.mail(reversePathOf(from), { body: '7BIT', smtputf8: false } as never, here)) ??
      (await policy.recipient(path.forwardPath, {} as never, here))
    if (refusal !== undefined) return refusal
    const source = Buffer.from(`From: ${from}\r\nTo: ${to}\r\nSubject: ${subject}\r\n\r\nHello\r\n`)
    const envelope = { reversePath: reversePathOf(from), recipients: [path], body: '7BIT', smtputf8: false } as const
    const answer = await policy.message({ envelope, source, session: here, prdr: false })
    return 'code' in answer ? answer : answer.final
  }
  return { ...it, contracts, as, asked, carry }
}

test('who it is: the name and password of a contract, and nothing else opens this door', async (t) => {
  const { ask, asked, as, authorization } = await atCarrier(t)
  assert.equal((await asked('acme', '')).status, 200)
  const by = (authorization: string) => ask('/api/contract', { headers: { authorization } })
  for (const wrong of [as('acme', 'guess'), as('nobody', 'guess'), authorization, 'Basic !', ''])
    assert.equal((await by(wrong)).status, 401, wrong)
  const outside = await ask('/api/contract', { headers: { authorization: as('acme') }, from: '192.0.2.7' })
  assert.equal(outside.status, 403, 'only over HTTPS')
  // A person's door stays shut for a contract.
  assert.equal((await ask('/api/messages', { headers: { authorization: as('acme') } })).status, 401)
  for (let i = 0; i < 100; i++) await by(as('acme', `guess ${i}`))
  assert.equal((await by(as('acme', 'one guess more'))).status, 429)
})

test('known by client certificate or by network, without a password: the same door, the same limits; but no page asks in their name', async (t) => {
  const theirs = await realKeymaker.tlsIdentity(['relay.acme.test'])
  const strangers = await realKeymaker.tlsIdentity(['elsewhere.test'])
  const key = keyFingerprint(theirs.certificatePem)!
  const it = await atSender(
    t,
    `
contract acme: by=sender, domain=acme.test, certificate=${key}, messages-per-day=100
contract other: by=sender, domain=other.test, network=192.0.2.0/24
`,
  )
  const ours = it.agent.secrets.tls
  const app = createWeb({
    world: it.world,
    serverFactory: (handler) => httpsServer(handler, () => it.agent.secrets.tls, { asksClients: true }),
    backends: backendsOf([it.running]),
    isSecure: true,
  })
  t.after(() => app.close())
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as { port: number }
  const asked = (path: string, identity?: TlsIdentity, headers: Record<string, string> = {}, method = 'GET') =>
    new Promise<{ status: number; json: { name?: string; limits?: { messagesPerDay?: number } } }>(
      (resolve, reject) => {
        const sent = request(
          {
            ...{
              host: '127.0.0.1',
              port,
              path,
              method,
              headers,
              agent: false,
              rejectUnauthorized: false,
              ca: ours.certificatePem,
            },
            ...(identity && { cert: identity.certificatePem, key: identity.privateKeyPem }),
          },
          (answer) => {
            let body = ''
            answer.on('data', (chunk) => {
              body += chunk
            })
            answer.on('end', () => resolve({ status: answer.statusCode!, json: JSON.parse(body || '{}') }))
          },
        )
        sent.on('error', reject)
        sent.end()
      },
    )
  const known = await asked('/api/contract', theirs)
  assert.deepEqual([known.status, known.json.name, known.json.limits?.messagesPerDay], [200, 'acme', 100])
  assert.equal((await asked('/api/contract/messages', theirs)).status, 200)
  assert.equal((await asked('/api/contract', strangers)).status, 401)
  assert.equal((await asked('/api/contract')).status, 401)
  // Who says a password is known by that alone.
  assert.equal((await asked('/api/contract', theirs, { authorization: 'Basic YWNtZTpndWVzcw==' })).status, 401)
  for (const page of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }])
    assert.equal((await asked('/api/contract/webhooks/wh_1/rotate', theirs, page as never, 'POST')).status, 401)
  const from = async (remoteAddress: string) => {
    const answer = await app.inject({ url: '/api/contract', remoteAddress })
    return [answer.statusCode, answer.json().name]
  }
  assert.deepEqual(await from('192.0.2.7'), [200, 'other'])
  assert.deepEqual(await from('::ffff:192.0.2.7'), [200, 'other'])
  assert.deepEqual(await from('192.0.3.7'), [401, undefined])
  // A person's door stays shut for them.
  assert.equal((await asked('/api/messages', theirs)).status, 401)
})

test('what was agreed and carried, its messages and their stories: of its own alone', async (t) => {
  const { asked, carry } = await atCarrier(t)
  assert.equal((await carry('acme', 'carl@far.test', 'Offer')).code, 250)
  assert.equal((await carry('other', 'dora@far.test', 'Bill')).code, 250)
  const { json } = await asked('acme', '')
  assert.deepEqual(
    [json.name, json.state, json.limits.messagesPerDay, json.days.length, json.days[0].messages],
    ['acme', 'open', 100, 1, 1],
  )
  assert.deepEqual(json.domains, [{ domain: 'acme.test', isProven: true }])
  const page = (await asked('acme', '/messages')).json
  assert.deepEqual(
    page.messages.map((one: { subject: string; status: string }) => [one.subject, one.status]),
    [['Offer', 'accepted']],
  )
  const { id } = page.messages[0]
  const story = (await asked('acme', `/messages/${id}`)).json
  assert.deepEqual(
    story.recipients.map((one: { address: string }) => one.address),
    ['carl@far.test'],
  )
  assert.equal((await asked('other', `/messages/${id}`)).status, 404)
})

test('whom it does not write to any more: told by webhook, refused at RCPT, read and taken off', async (t) => {
  const { asked, carry, store, agent, running } = await atCarrier(t)
  const heard: { type: string; data: { recipient: string; reason?: string } }[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      heard.push(JSON.parse(body))
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as { port: number }
  running.begin()
  const made = await asked('acme', '/webhooks', { method: 'POST', body: { url: `http://127.0.0.1:${port}/` } })
  assert.equal(made.status, 201)
  assert.match(made.json.secret, /^whsec_/)
  assert.deepEqual((await asked('other', '/webhooks')).json, { webhooks: [] })
  assert.equal((await carry('acme', 'gone@far.test')).code, 250)
  const [entry] = store.queue.entries({}, 10)
  const failure = { reason: 'user-unknown', isForGood: true, said: '550 5.1.1 no such user' } as const
  await store.commit(failedCommands(agent, entry!, failure))
  const refused = await carry('acme', 'gone@far.test')
  assert.deepEqual([refused.code, /suppression list/.test(refused.lines.join(' '))], [550, true])
  assert.equal((await carry('other', 'gone@far.test')).code, 250, 'another contract has another list')
  const { suppressed, next } = (await asked('acme', '/suppressed')).json
  assert.deepEqual(
    [suppressed.length, suppressed[0].address, suppressed[0].reason, next],
    [1, 'gone@far.test', 'user-unknown', null],
  )
  assert.equal((await asked('other', '/suppressed/gone@far.test', { method: 'DELETE' })).status, 404)
  assert.equal((await asked('acme', '/suppressed/gone@far.test', { method: 'DELETE' })).status, 204)
  assert.equal((await carry('acme', 'gone@far.test')).code, 250)
  while (!heard.some(({ type }) => type === 'message.suppressed'))
    await new Promise((resolve) => setTimeout(resolve, 20))
  const told = heard.find(({ type }) => type === 'message.suppressed')!
  assert.deepEqual([told.data.recipient, told.data.reason], ['gone@far.test', 'user-unknown'])
  assert.equal(heard[0]!.type, 'message.accepted')
})
