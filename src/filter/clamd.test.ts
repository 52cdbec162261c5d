import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Stream } from '../world/network.ts'
import { RealNetwork } from '../world/real/network.ts'
import { realClock } from '../world/real/world.ts'
import { testWorld } from '../world/testing.ts'
import { type ScanResult, scan } from './clamd.ts'

const at = { address: '192.0.2.1', port: 3310 }

/** What `scan` makes of a clamd that behaves like `play`; the stream content it was sent is passed in. */
function scanning(source: Buffer, play: (stream: Stream) => Promise<void>): Promise<ScanResult> {
  const { world, run } = testWorld()
  return run(async () => {
    await world.network.listen(at, (stream) => void play(stream).catch(() => stream.destroy()))
    return scan(source, { at, timeoutMs: 5000 }, world)
  })
}

/** Reads the whole INSTREAM as clamd does. */
async function readInstream(stream: Stream): Promise<Buffer> {
  let bytes = Buffer.alloc(0)
  const upTo = async (length: number) => {
    while (bytes.length < length) {
      const more = await stream.read()
      assert.ok(more !== null)
      bytes = Buffer.concat([bytes, more])
    }
    const taken = bytes.subarray(0, length)
    bytes = bytes.subarray(length)
    return taken
  }
  assert.equal((await upTo(10)).toString(), 'zINSTREAM\0')
  const chunks: Buffer[] = []
  for (let size = (await upTo(4)).readUInt32BE(); size > 0; size = (await upTo(4)).readUInt32BE())
    chunks.push(await upTo(size))
  return Buffer.concat(chunks)
}

const answering = (text: string) => async (stream: Stream) => {
  await readInstream(stream)
  await stream.write(Buffer.from(text))
  stream.end()
}

test('the whole message arrives in chunks, and clean is clean', async () => {
  const source = Buffer.alloc(200_000, 'abcdefg')
  let got: Buffer | undefined
  const result = await scanning(source, async (stream) => {
    got = await readInstream(stream)
    await stream.write(Buffer.from('stream: OK\0'))
  })
  assert.deepEqual(result, { kind: 'clean' })
  assert.ok(got?.equals(source))
})

for (const [said, result] of [
  ['stream: Eicar-Test-Signature FOUND\0', { kind: 'infected', name: 'Eicar-Test-Signature' }],
  ['stream: Evil\r\nName FOUND\0', { kind: 'unavailable', reason: 'clamd said: stream: Evil??Name FOUND' }],
  ['INSTREAM size limit exceeded. ERROR\0', { kind: 'too-big' }],
  ['stream: OK FOUND OK', { kind: 'unavailable', reason: 'clamd said: stream: OK FOUND OK' }],
  ['', { kind: 'unavailable', reason: 'clamd hung up without an answer' }],
  ['x'.repeat(10_000), { kind: 'unavailable', reason: `clamd said: ${'x'.repeat(200)}` }],
] as const)
  test(`clamd says ${JSON.stringify(said.slice(0, 40))}: ${result.kind}`, async () => {
    assert.deepEqual(await scanning(Buffer.from('x'), answering(said)), result)
  })

test('it speaks before it has read everything and hangs up', async () => {
  const result = await scanning(Buffer.alloc(5_000_000), async (stream) => {
    await stream.read()
    await stream.write(Buffer.from('INSTREAM size limit exceeded. ERROR\0'))
    stream.end()
  })
  assert.deepEqual(result, { kind: 'too-big' })
})

test('it is silent, vanishes, or is not there: unavailable, within the time', async () => {
  assert.deepEqual(await scanning(Buffer.from('x'), async () => {}), {
    kind: 'unavailable',
    reason: 'clamd did not answer within 5000 ms',
  })
  const vanished = await scanning(Buffer.from('x'), async (stream) => stream.destroy())
  assert.equal(vanished.kind, 'unavailable')
  const { world, run } = testWorld()
  const absent = await run(scan(Buffer.from('x'), { at, timeoutMs: 5000 }, world))
  assert.equal(absent.kind, 'unavailable')
})

// Put together here, so that no scanner finds it in this file.
const EICAR = ['X5O!P%@AP[4\\PZX54(P^)7CC)7}', '$EICAR-STANDARD-', 'ANTIVIRUS-TEST-FILE!$H+H*'].join('')

test('the real clamd finds EICAR', { timeout: 60_000 }, async (t) => {
  const socket = await startClamd(t)
  if (socket === undefined) return t.skip('needs clamd (Debian: clamav-daemon)')
  const world = { network: new RealNetwork(), clock: realClock }
  const options = { at: { path: socket }, timeoutMs: 30_000 }
  const infected = await scan(Buffer.from(EICAR), options, world)
  assert.equal(infected.kind, 'infected')
  assert.match(infected.kind === 'infected' ? infected.name : '', /eicar/i)
  assert.deepEqual(await scan(Buffer.from('Subject: hello\r\n\r\nHello.\r\n'), options, world), { kind: 'clean' })
})

/** A clamd of our own with one signature, EICAR's, made now; its socket. */
async function startClamd(t: TestContext): Promise<string | undefined> {
  const program = ['/usr/sbin/clamd', '/usr/local/sbin/clamd'].find((path) => existsSync(path))
  if (program === undefined) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-clamd-'))
  chmodSync(folder, 0o755)
  const md5 = createHash('md5').update(EICAR).digest('hex')
  writeFileSync(join(folder, 'test.hdb'), `${md5}:${EICAR.length}:Test.EICAR\n`)
  const socket = join(folder, 'socket')
  const settings = [
    'Foreground yes',
    `DatabaseDirectory ${folder}`,
    `LocalSocket ${socket}`,
    `TemporaryDirectory ${folder}`,
  ]
  // Started by root it would become another user, who may not write here.
  if (process.getuid?.() === 0) settings.push('User root')
  writeFileSync(join(folder, 'clamd.conf'), `${settings.join('\n')}\n`)
  const child = spawn(program, [`--config-file=${join(folder, 'clamd.conf')}`], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text))
  const ended = new Promise((resolve) => child.once('exit', resolve))
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  for (let i = 0; i < 300 && !existsSync(socket) && child.exitCode === null; i++) await realClock.sleep(100)
  assert.ok(existsSync(socket), `clamd did not start: ${said}`)
  return socket
}
