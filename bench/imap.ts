// IMAP beside other servers: starts one process with a store and an IMAP port on loopback, fills a mailbox, and times SELECT,
// FETCH, SEARCH, STORE, APPEND and the memory of idle connections with the tool that measures the peers
// (../shared/bench/peers/imap-bench.mjs), which prints one JSON line for each. A quiet machine, please.
//
//   npm run bench:imap -- [messages, 100000] [operations, fill,select,flags,envelope,body,store,append] [more options of the tool …]
//   npm run bench:imap -- profile …     the same, with a CPU profile of the server in this folder
//   npm run bench:imap -- 100 fill,idle --tls --conns 10000      memory of idle clients over TLS (ulimit -n)
//   npm run bench:imap -- scale [messages, 1000000]     SELECT, LIST, STATUS, SEARCH of one very large mailbox, in one process

import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { serveImap } from '../src/protocols/imap/serve.ts'
import type { SaslAccounts } from '../src/protocols/sasl/accounts.ts'
import { type EmbeddedStore, openStore } from '../src/store/embedded.ts'
import { delivery, summary } from '../src/store/testing.ts'
import type { Stream } from '../src/world/network.ts'
import { realWorld } from '../src/world/real/world.ts'

const TOOL = join(import.meta.dirname, '../../shared/bench/peers/imap-bench.mjs')
const OPERATIONS = 'fill,select,flags,envelope,body,store,append'
const USER = 'u1'
const SCALE_COMMANDS = [
  'SELECT INBOX',
  'EXAMINE INBOX',
  'LIST "" *',
  'LIST "" % RETURN (STATUS (MESSAGES UNSEEN RECENT SIZE UIDNEXT HIGHESTMODSEQ))',
  'STATUS INBOX (MESSAGES UNSEEN RECENT UIDNEXT)',
  'STATUS INBOX (DELETED DELETED-STORAGE)',
  'SEARCH RETURN (COUNT) UNSEEN',
  'SEARCH RETURN (COUNT) SEEN',
  'SEARCH RETURN (COUNT) FLAGGED',
  'SEARCH RETURN (COUNT) NOT DELETED KEYWORD $Junk',
  'SEARCH RETURN (COUNT) SINCE 1-Jan-2030',
  'SEARCH RETURN (COUNT) LARGER 100000 UNSEEN',
  'SEARCH RETURN (COUNT) FLAGGED SUBJECT Message',
  'FETCH 1:* FLAGS',
]

if (process.argv[2] === 'serve') await serve(process.argv[3]!, process.argv[4] === 'tls')
else if (process.argv[2] === 'scale') await scale(Number(process.argv[3] ?? 1_000_000))
else await measure(process.argv.slice(2))

async function measure(words: string[]): Promise<void> {
  if (!existsSync(TOOL)) throw new Error(`The tool is not there: ${TOOL}`)
  const isProfiled = words[0] === 'profile'
  const [messages = '100000', operations = OPERATIONS, ...more] = isProfiled ? words.slice(1) : words
  // Not /tmp, which may be memory.
  const folder = mkdtempSync(join(process.cwd(), '.bench-imap-'))
  const execArgv = isProfiled ? ['--cpu-prof', '--cpu-prof-name=imap.cpuprofile'] : []
  const server = fork(import.meta.filename, ['serve', folder, more.includes('--tls') ? 'tls' : 'plain'], { execArgv })
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

/** A store in this folder with one account, and IMAP for it on loopback. */
async function start(folder: string, isSecured: boolean) {
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
  const identity = isSecured ? await world.keymaker.tlsIdentity(['localhost']) : undefined
  const accept = (stream: Stream): void => {
    const report = (error: unknown): void => console.error('a bug in the session', error)
    void serveImap(stream, { store, accounts, allowPlaintext: true, report }, world)
  }
  const listener = await world.network.listen({ address: '127.0.0.1', port: 0 }, accept, identity)
  return { store, listener, world }
}

async function serve(folder: string, isSecured: boolean): Promise<void> {
  const { store, listener } = await start(folder, isSecured)
  process.once('message', async () => {
    await listener.close()
    await store.close()
    process.exit(0)
  })
  process.send!(listener.endpoint.port)
}

/** Filled past IMAP, which would take long. */
async function scale(messages: number): Promise<void> {
  const folder = mkdtempSync(join(process.cwd(), '.bench-imap-'))
  const { store, listener, world } = await start(folder, false)
  const account = store.accountByAddress(USER)!.id
  for (let at = 0; at < messages; at += 500) {
    const count = Math.min(500, messages - at)
    await store.commit(
      await Promise.all(Array.from({ length: count }, (_, i) => largeDelivery(store, account, at + i))),
    )
  }
  await markSome(store, account, messages)
  const stream = await world.network.connect(listener.endpoint, { timeoutMs: 5_000 })
  let bytes = 0
  const command = async (text: string): Promise<void> => {
    await stream.write(Buffer.from(`x ${text}\r\n`))
    for (let tail = '\n'; !/\nx (OK|NO|BAD) [^\n]*\r\n$/.test(tail); ) {
      const piece = (await stream.read())!
      bytes += piece.length
      tail = (tail + Buffer.from(piece).toString('latin1')).slice(-10_000)
    }
  }
  await command(`LOGIN ${USER} secret`)
  for (const text of SCALE_COMMANDS) {
    const times: number[] = []
    for (let repeat = 0; repeat < 3; repeat++) {
      bytes = 0
      const begin = performance.now()
      await command(text)
      times.push(performance.now() - begin)
    }
    const ms = times.map((time) => Number(time.toFixed(1)))
    console.log(JSON.stringify({ op: text, messages, ms, bytes }))
  }
  stream.destroy()
  await listener.close()
  await store.close()
  rmSync(folder, { recursive: true })
}

/** All but the newest hundred are seen, every thousandth is flagged. */
async function markSome(store: EmbeddedStore, account: number, messages: number): Promise<void> {
  const mailbox = store.mailboxByUse(account, 'inbox')!.id
  const change = { kind: 'flags.store', account, mailbox, mode: 'add', lessons: 'later' } as const
  for (let at = 1; at <= messages - 100; at += 10_000) {
    const uids = [[at, Math.min(at + 9_999, messages - 100)]] as const
    await store.commit([{ ...change, uids, flags: ['\\Seen'] }])
  }
  const uids = Array.from({ length: Math.floor(messages / 1000) }, (_, i) => [(i + 1) * 1000, (i + 1) * 1000] as const)
  await store.commit([{ ...change, uids, flags: ['\\Flagged'] }])
}

function largeDelivery(store: EmbeddedStore, account: number, n: number) {
  const about = summary({ subject: `Message ${n}`, messageId: [`<${n}@sender.test>`], preview: 'x'.repeat(150) })
  return delivery(store, account, `Subject: Message ${n}\r\n\r\n`.padEnd(200, 'x'), { summary: about })
}
