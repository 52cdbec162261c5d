// Mail to a program by HTTP, over real sockets: a port and a socket file; what each answer means for the message.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { QueueEntry } from '../../store/nouns/queue.ts'
import { TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import { httpProgram } from '../../system/values.ts'
import { realWorld } from '../../world/real/world.ts'
import type { Agent } from '../agent.ts'
import { postTo } from './http-program.ts'

const MESSAGE = Buffer.from('Subject: x\r\n\r\n.\r\nein B\u00e4r\r\n')
const ENTRIES = ['a@app.test', 'b@app.test'].map((forwardPath) => ({ reversePath: 'ann@here.test', forwardPath }))

test('a program gets the message to the byte, with its envelope; its code decides', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-http-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const world = realWorld({ folder, dns: () => ({ resolve: () => Promise.reject(new Error('No DNS here.')) }) })
  const post = (words: string) => {
    const program = httpProgram(words)
    assert.ok(program.ok, words)
    return postTo({ world } as Agent, program.value, ENTRIES as unknown as QueueEntry[], MESSAGE)
  }
  const seen: unknown[] = []
  let status = 200
  const answer: RequestListener = (request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const { 'content-type': type, 'envelope-from': from, 'envelope-to': to } = request.headers
      seen.push([request.method, request.url, type, from, to, Buffer.concat(parts).equals(MESSAGE)])
      response.writeHead(status).end('as it is\nand more')
    })
  }
  const servers = [createServer(answer), createServer(answer)]
  t.after(() => servers.map((server) => server.close()))
  await new Promise<void>((resolve) => servers[0]!.listen(0, '127.0.0.1', resolve))
  await new Promise<void>((resolve) => servers[1]!.listen(join(folder, 's.sock'), resolve))
  const { port } = servers[0]!.address() as AddressInfo

  const taken = await post(`app.test -> http://127.0.0.1:${port}/mail?x=1`)
  assert.deepEqual(taken, {
    state: 'accepted',
    reply: { code: 250, enhanced: '2.0.0', lines: ['HTTP 200: as it is'] },
    isSilent: false,
  })
  assert.equal((await post(`app.test -> ${join(folder, 's.sock')}:/in`)).state, 'accepted')
  const about = ['message/rfc822', '<ann@here.test>', '<a@app.test>, <b@app.test>', true]
  assert.deepEqual(seen, [
    ['POST', '/mail?x=1', ...about],
    ['POST', '/in', ...about],
  ])
  const states: [number, string, boolean][] = [
    [204, 'accepted', false],
    [302, 'deferred', false],
    [404, 'refused', false],
    [413, 'refused', false],
    [429, 'deferred', false],
    [500, 'deferred', false],
    [503, 'deferred', true],
  ]
  for (const [code, state, isSilent] of states) {
    status = code
    const found = await post(`app.test -> http://127.0.0.1:${port}/`)
    assert.deepEqual([found.state, found.isSilent], [state, isSilent], String(code))
  }
  const away = await post(`app.test -> ${join(folder, 'none.sock')}:/in`)
  assert.deepEqual([away.state, away.isSilent], ['deferred', true])
})

test('what an address of a program may be', () => {
  for (const wrong of [
    '',
    'app.test',
    'app.test -> http://app.test/',
    'app.test -> https://u:p@app.test/',
    'app.test -> /run/x',
    'app.test -> ftp://app.test/',
  ])
    assert.equal(httpProgram(wrong).ok, false, wrong)
  assert.equal(httpProgram('App.test -> https://app.test').ok, true)
})

test('from the queue: a program that is away is asked again, then everything comes, and a refusal is a bounce', async () => {
  const world = await TestSystem.start(`${TWO_AGENTS}\nsender: http-to="app.test -> http://127.0.65.1:8080/in"`)
  const host = world.stranger('127.0.65.1')
  const requests: string[] = []
  const statusOf = (request: string) => (requests.length < 3 ? 503 : request.includes('no@app.test') ? 404 : 200)
  await world.run(
    host.world.network.listen({ address: '127.0.65.1', port: 8080 }, async (stream) => {
      let text = ''
      while (!/^hello\r$/im.test(text)) text += Buffer.from((await stream.read(10_000))!).toString('latin1')
      requests.push(text)
      await stream.write(Buffer.from(`HTTP/1.1 ${statusOf(text)} so\r\nContent-Length: 0\r\n\r\n`))
      stream.end()
    }),
  )
  for (const name of ['a', 'b', 'no']) await world.submit(`${name}@app.test`)
  await world.quiet()
  const taken = world.events('sender', 'transmitted').map(({ forwardPath }) => forwardPath)
  assert.deepEqual(taken.sort(), ['a@app.test', 'b@app.test'])
  const [bounce, ...others] = await world.mail('sender', 'anna@sender.test')
  assert.deepEqual(others, [])
  assert.match(bounce!.text, /^Diagnostic-Code: smtp; 554 5\.0\.0 HTTP 404\r$/m)
  // One message tried while it was away.
  assert.equal(requests.length, 5)
})
