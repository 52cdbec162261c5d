// IMAP beside other servers: starts one process with a store and an IMAP port on loopback, fills a mailbox, and times SELECT,
// FETCH, SEARCH, STORE, APPEND and the memory of idle connections with the tool that measures the peers
// (../shared/bench/peers/imap-bench.mjs), which prints one JSON line for each. A quiet machine, please.
//
//   npm run bench:imap -- [messages, 100000] [operations, fill,select,flags,envelope,body,store,append] [more options of the tool …]
//   npm run bench:imap -- profile …     the same, with a CPU profile of the server in this folder

import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { serveImap } from '../src/protocols/imap/serve.ts'
import type { SaslAccounts } from '../src/protocols/sasl/accounts.ts'
import { openStore } from '../src/store/embedded.ts'
import { realWorld } from '../src/world/real/world.ts'

const TOOL = join(import.meta.dirname, '../../shared/bench/peers/imap-bench.mjs')
const OPERATIONS = 'fill,select,flags,envelope,body,store,append'
const USER = 'u1'

if (process.argv[2] === 'serve') await serve(process.argv[3]!)
else await measure(process.argv.slice(2))

async function measure(words: string[]): Promise<void> {
  if (!existsSync(TOOL)) throw new Error(`The tool is not there: ${TOOL}`)
  const isProfiled = words[0] === 'profile'
  const [messages = '100000', operations = OPERATIONS, ...more] = isProfiled ? words.slice(1) : words
  // Not /tmp, which may be memory.
  const folder = mkdtempSync(join(process.cwd(), '.bench-imap-'))
  const execArgv = isProfiled ? ['--cpu-prof', '--cpu-prof-name=imap.cpuprofile'] : []
  const server = fork(import.meta.filename, ['serve', folder], { execArgv })
  try {
    const [port] = (await once(server, 'message')) as [number]
    const options = ['--ops', operations, '--fill', messages, '--roots', `ours=${server.pid}`, ...more]
    const tool = spawn(process.execPath, [TOOL, '127.0.0.1', String(port), USER, 'secret', ...options], {
      stdio: 'inherit',
    })
    await once(tool, 'exit')
  } finally {
    await stop(server)
    rmSync(folder, { recursive: true })
  }
}

async function stop(server: ChildProcess): Promise<void> {
  server.send('stop')
  await once(server, 'exit')
}

async function serve(folder: string): Promise<void> {
  const dns = () => ({ resolve: () => Promise.reject(new Error('No DNS here.')) })
  const world = realWorld({ folder, dns })
  const store = await openStore(world)
  const nowMs = world.clock.now()
  await store.commit([{ kind: 'account.create', address: USER, displayName: USER, credentials: null, nowMs }])
  const accounts: SaslAccounts = {
    mechanisms: ['PLAIN'],
    checkPassword: (user) => ({ state: 'ok', user }),
    scramCredentials: () => ({ state: 'unavailable' }),
  }
  const listener = await world.network.listen({ address: '127.0.0.1', port: 0 }, (stream) => {
    const report = (error: unknown): void => console.error('a bug in the session', error)
    void serveImap(stream, { store, accounts, allowPlaintext: true, report }, world)
  })
  process.once('message', async () => {
    await listener.close()
    await store.close()
    process.exit(0)
  })
  process.send!(listener.endpoint.port)
}
