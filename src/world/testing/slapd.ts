// An LDAP server of the test's own: OpenLDAP's slapd in a folder of its own, on loopback, with a certificate of its own;
// gone afterwards. Undefined where it is not installed (Debian: slapd).

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'

const PROGRAM = '/usr/sbin/slapd'
const SCHEMAS = '/etc/ldap/schema'
const MODULES = '/usr/lib/ldap'

export const SUFFIX = 'dc=recipient,dc=test'
export const READER = `cn=reader,${SUFFIX}`
export const READER_PASSWORD = 'read this'

export interface TestSlapd {
  /** ldap, for STARTTLS. */
  readonly port: number
  /** ldaps. */
  readonly securePort: number
  /** PEM: who must be believed. */
  readonly certificate: string
  /** As the machine would: no time to say goodbye. */
  kill(): Promise<void>
  /** Alive, and silent. */
  pause(): Promise<void>
  resume(): void
  start(): Promise<void>
  end(): Promise<void>
}

/** `people`: LDIF of entries below ou=people. Nobody but the reader may search; passwords are for binding alone. */
export async function testSlapd(people: string): Promise<TestSlapd | undefined> {
  if (!existsSync(PROGRAM) || !existsSync(SCHEMAS)) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-slapd-'))
  mkdirSync(join(folder, 'data'))
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
    ],
  })
  writeFileSync(join(folder, 'cert.pem'), cert)
  writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 })
  const [port, securePort] = [await freePort(), await freePort()]
  const configuration = `
include ${SCHEMAS}/core.schema
include ${SCHEMAS}/cosine.schema
include ${SCHEMAS}/inetorgperson.schema
include ${SCHEMAS}/misc.schema
modulepath ${MODULES}
moduleload back_mdb.la
pidfile ${folder}/slapd.pid
TLSCACertificateFile ${folder}/cert.pem
TLSCertificateFile ${folder}/cert.pem
TLSCertificateKeyFile ${folder}/key.pem
security simple_bind=128
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="${READER}" read by anonymous auth by * none
database mdb
suffix "${SUFFIX}"
rootdn "cn=root,${SUFFIX}"
directory ${folder}/data
maxsize 67108864
dbnosync
`
  writeFileSync(join(folder, 'slapd.conf'), configuration)
  const base = `dn: ${SUFFIX}
objectClass: dcObject
objectClass: organization
o: Recipient
dc: recipient

dn: ${READER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: ${READER_PASSWORD}

dn: ou=people,${SUFFIX}
objectClass: organizationalUnit
ou: people

`
  writeFileSync(join(folder, 'people.ldif'), `${base}${people.trim()}\n`)
  execFileSync(PROGRAM, ['-T', 'add', '-f', join(folder, 'slapd.conf'), '-l', join(folder, 'people.ldif')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let server: ChildProcess | undefined
  const start = async () => {
    const urls = `ldap://127.0.0.1:${port} ldaps://127.0.0.1:${securePort}`
    server = spawn(PROGRAM, ['-d', '0', '-f', join(folder, 'slapd.conf'), '-h', urls], { stdio: 'ignore' })
    for (let tries = 0; tries < 200; tries++) {
      if (await answers(securePort)) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error('slapd does not start.')
  }
  const kill = async () => {
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return
    const ended = new Promise((resolve) => server!.once('exit', resolve))
    server.kill('SIGKILL')
    await ended
  }
  await start()
  return {
    port,
    securePort,
    certificate: cert,
    kill,
    pause: async () => {
      server!.kill('SIGSTOP')
      while (!isStopped(server!.pid!)) await new Promise((resolve) => setTimeout(resolve, 10))
    },
    resume: () => void server!.kill('SIGCONT'),
    start,
    end: async () => {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Every thread of it. */
function isStopped(pid: number): boolean {
  const tasks = `/proc/${pid}/task`
  return readdirSync(tasks).every((task) => /\) [Tt] /.test(readFileSync(join(tasks, task, 'stat'), 'utf8')))
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net')
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
