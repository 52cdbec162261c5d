// sieve-connect, as a child process against a server on loopback, over STARTTLS: skipped where it is not installed.

import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { openBench, PASSWORD, USER } from '../testing.ts'
import { serveManageSieve } from './serve.ts'

const run = promisify(execFile)

function isInstalled(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

test('sieve-connect puts, lists, activates, reads and deletes scripts', async (t) => {
  if (!isInstalled('sieve-connect')) return t.skip('sieve-connect is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-'))
  const bench = await openBench(join(folder, 'server'))
  const { store, accounts, world, account } = bench
  const tlsIdentity = await world.keymaker.tlsIdentity(['localhost'])
  const report = (error: unknown): void => console.error('a bug in the session', error)
  const listener = await world.network.listen({ address: '127.0.0.1', port: 0 }, (stream) => {
    void serveManageSieve(stream, { store, accounts, tlsIdentity, report }, world)
  })
  const server = [
    '--server',
    '127.0.0.1',
    '--port',
    String(listener.endpoint.port),
    '--4',
    '--notlsverify',
    '--tlshostname',
    'localhost',
  ]
  const script = join(folder, 'main.sieve')
  writeFileSync(script, 'require "fileinto";\r\nif header :contains "subject" "x" { fileinto "Archive"; }\r\n')
  const secret = join(folder, 'secret')
  writeFileSync(secret, `${PASSWORD}\n`)
  const connect = (...what: string[]) =>
    run(
      'sh',
      ['-c', 'exec sieve-connect "$@" 3<"$SECRET"', 'sh', ...server, '--user', USER, '--passwordfd', '3', ...what],
      {
        env: { ...process.env, HOME: folder, SECRET: secret },
        timeout: 30_000,
      },
    )
  try {
    await connect('--localsieve', script, '--remotesieve', 'main', '--upload')
    await connect('--remotesieve', 'main', '--activate')
    assert.deepEqual(
      store.scripts(account).map(({ name, isActive }) => [name, isActive]),
      [['main', true]],
    )
    assert.match((await connect('--list')).stdout, /"main" ACTIVE/)
    const copy = join(folder, 'copy.sieve')
    await connect('--remotesieve', 'main', '--localsieve', copy, '--download')
    assert.equal(readFileSync(copy, 'utf8'), readFileSync(script, 'utf8'))
    writeFileSync(script, 'snooze;\r\n')
    await assert.rejects(
      connect('--localsieve', script, '--remotesieve', 'bad', '--upload'),
      /unknown command 'snooze'/,
    )
    await connect('--deactivate')
    await connect('--remotesieve', 'main', '--delete')
    assert.deepEqual(store.scripts(account), [])
  } finally {
    await listener.close()
    await bench.close()
    rmSync(folder, { recursive: true })
  }
})
