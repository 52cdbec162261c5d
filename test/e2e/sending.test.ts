// The sending API of a running demo with programs that nobody here wrote: curl, and Node's fetch; and a webhook that is told
// everything though the demo is killed in between.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type Demo, endDemos, startDemo, temporaryFolder, until } from './demo.ts'
import { byImap } from './mailbox.ts'
import { missing, run } from './programs.ts'

after(endDemos)

interface Sent {
  readonly id: string
  readonly messageId: string
}

const fetchJson = async (demo: Demo, path: string, body?: object, more: Record<string, string> = {}) => {
  const { address, password } = demo.person('anna')
  const answer = await fetch(new URL(path, demo.ready.web), {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${address}:${password}`).toString('base64')}`,
      'content-type': 'application/json',
      ...more,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  return { status: answer.status, json: (await answer.json()) as unknown }
}

const inInbox = (demo: Demo, subject: string) =>
  until(subject, async () => {
    const all = await byImap(demo.person('bob'))
    return all.map((source) => source.toString('latin1')).find((text) => text.includes(`\r\nSubject: ${subject}\r\n`))
  })

test('curl: JSON, a message as it is, its story; what is too much is refused before it is sent', {
  skip: missing('curl'),
}, async () => {
  const demo = await startDemo()
  const { address, password } = demo.person('anna')
  const folder = temporaryFolder()
  const curl = async (path: string, ...parameters: string[]) =>
    JSON.parse(
      (await run('curl', ['-s', '-u', `${address}:${password}`, ...parameters, `${demo.ready.web}${path}`])).output,
    )
  const letter = { from: address, to: 'bob@recipient.test', subject: 'by curl', text: 'Hello from curl' }
  const json = ['-H', 'Content-Type: application/json', '-H', 'Idempotency-Key: one', '-d', JSON.stringify(letter)]
  const sent: Sent = await curl('/api/send', ...json)
  assert.deepEqual(await curl('/api/send', ...json), sent)
  const source = await inInbox(demo, 'by curl')
  assert.match(source, /^Authentication-Results: .*dkim=pass/ms)
  assert.ok(source.includes(`Message-ID: <${sent.messageId}>`))
  const file = join(folder, 'message.eml')
  writeFileSync(file, `From: ${address}\nTo: bob@recipient.test\nSubject: as it is\n\n${'Body\n'.repeat(100_000)}`)
  const raw: Sent = await curl('/api/send/raw', '-H', 'Content-Type: message/rfc822', '--data-binary', `@${file}`)
  await inInbox(demo, 'as it is')
  const story = (await until('delivered', async () => {
    const told = (await curl(`/api/messages/${raw.id}`)) as { status: string; events: { type: string }[] }
    return told.status === 'delivered' ? told : undefined
  })) as { events: { type: string }[] }
  assert.deepEqual(
    story.events.map(({ type }) => type),
    ['accepted', 'delivered'],
  )
  // A chunked upload without end is cut off where the limit is.
  writeFileSync(file, Buffer.alloc(60 * 1024 * 1024, 'x'))
  const chunked = ['-H', 'Transfer-Encoding: chunked', '-H', 'Content-Type: message/rfc822', '-T', file, '-X', 'POST']
  const refused = (await curl('/api/send/raw', ...chunked)) as { status: number }
  assert.equal(refused.status, 413)
})

test("Node's fetch: a batch; and a webhook hears of all of it, though the demo is killed", async (t) => {
  const told = new Map<string, { type: string; message: string }>()
  let isUp = false
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    if (!isUp) return response.writeHead(503).end()
    const { type, data } = JSON.parse(body) as { type: string; data: { id: string } }
    told.set(String(request.headers['webhook-id']), { type, message: data.id })
    response.writeHead(204).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  let demo = await startDemo()
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  assert.equal((await fetchJson(demo, '/api/webhooks', { url })).status, 201)
  const messages = Array.from({ length: 20 }, (_, n) => ({ to: 'bob@recipient.test', variables: { n } }))
  const batch = { from: demo.person('anna').address, subject: 'Number {{n}}', text: 'This is {{n}}.', messages }
  const key = { 'idempotency-key': 'batch' }
  const first = await fetchJson(demo, '/api/send/batch', batch, key)
  const { accepted, results } = first.json as { accepted: number; results: Sent[] }
  assert.equal(accepted, 20)
  await demo.kill()
  isUp = true
  demo = await startDemo({ folder: demo.folder })
  assert.deepEqual((await fetchJson(demo, '/api/send/batch', batch, key)).json, first.json)
  await until('the webhook heard of all', async () => {
    const heard = (id: string) => [...told.values()].filter(({ message }) => message === id).map(({ type }) => type)
    const isAll = results.every(({ id }) =>
      ['message.accepted', 'message.delivered'].every((type) => heard(id).includes(type)),
    )
    return isAll ? true : undefined
  })
  for (let n = 0; n < 20; n++) await inInbox(demo, `Number ${n}`)
  const all = (await byImap(demo.person('bob'))).map((source) => source.toString('latin1'))
  assert.equal(all.filter((text) => /\r\nSubject: Number \d+\r\n/.test(text)).length, 20)
})
