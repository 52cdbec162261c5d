// A PostgreSQL of the test's own: a cluster in a folder of its own, on a Unix socket, by a user who is not root; gone
// afterwards. Undefined where PostgreSQL is not installed (Debian: postgresql).

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TestPostgres {
  readonly url: string
  /** Of its socket. */
  readonly folder: string
  /** As the machine would: no time to say goodbye. */
  kill(): Promise<void>
  /** As an administrator would: connections are ended. */
  restart(): Promise<void>
  start(): Promise<void>
  /** A replica becomes a primary. */
  promote(): void
  end(): Promise<void>
}

/** `of`: a replica of this one, which then commits nothing that the replica does not have. */
export async function testPostgres(of?: TestPostgres): Promise<TestPostgres | undefined> {
  const programs = programsFolder()
  if (programs === undefined) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-postgres-'))
  const user = process.getuid?.() === 0 ? idsOf('postgres') : undefined
  if (user !== undefined) chownSync(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  const options = { ...user, cwd: folder, stdio: ['ignore', 'ignore', 'ignore'] as ('ignore' | 'pipe')[] }
  if (of === undefined) {
    const words = ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8']
    execFileSync(join(programs, 'initdb'), words, options)
  } else {
    const words = ['-D', data, '-h', of.folder, '-U', 'postgres', '-R', '-X', 'stream', '-c', 'fast', '--no-sync']
    execFileSync(join(programs, 'pg_basebackup'), words, options)
  }
  let server: ChildProcess | undefined
  const start = async () => {
    const settings = [
      'listen_addresses=',
      `unix_socket_directories=${folder}`,
      'shared_buffers=16MB',
      'max_connections=60',
    ]
    server = spawn(join(programs, 'postgres'), ['-D', data, ...settings.flatMap((one) => ['-c', one])], options)
    for (let tries = 0; tries < 200; tries++) {
      try {
        execFileSync(join(programs, 'pg_isready'), ['-h', folder, '-q'])
        return
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
    throw new Error('PostgreSQL does not start.')
  }
  const stop = async (signal: NodeJS.Signals) => {
    const ended = new Promise((resolve) => server!.once('exit', resolve))
    server!.kill(signal)
    await ended
  }
  await start()
  if (of !== undefined) {
    const psql = ['-h', of.folder, '-U', 'postgres', '-q', '-c']
    execFileSync(join(programs, 'psql'), [...psql, "ALTER SYSTEM SET synchronous_standby_names = '*'"], options)
    execFileSync(join(programs, 'psql'), [...psql, 'SELECT pg_reload_conf()'], options)
  }
  return {
    folder,
    promote: () => void execFileSync(join(programs, 'pg_ctl'), ['promote', '-D', data, '-w'], options),
    url: `postgres://postgres@/postgres?host=${folder}`,
    // SIGQUIT: an immediate shutdown, recovered from the log at the next start. (SIGKILL would leave its children behind.)
    kill: () => stop('SIGQUIT'),
    restart: async () => {
      await stop('SIGINT')
      await start()
    },
    start,
    end: async () => {
      if (server!.exitCode === null && server!.signalCode === null) await stop('SIGQUIT')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function programsFolder(): string | undefined {
  const all = '/usr/lib/postgresql'
  const versions = existsSync(all) ? readdirSync(all).sort((a, b) => Number(b) - Number(a)) : []
  return versions.map((version) => join(all, version, 'bin')).find((path) => existsSync(join(path, 'initdb')))
}

function idsOf(name: string): { uid: number; gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${name}:`))
  const [, , uid, gid] = (line ?? 'nobody:x:65534:65534').split(':')
  return { uid: Number(uid), gid: Number(gid) }
}

/** For what a store writes. */
export function temporaryFolder(): { folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-'))
  return { folder, remove: () => rmSync(folder, { recursive: true }) }
}
