// A real S3 service of the test's own: Ceph's gateway, with one monitor and one small storage daemon that keeps everything in
// memory, on loopback, in a folder of their own; gone afterwards. Undefined where Ceph is not installed (Debian: radosgw,
// ceph-mon, ceph-osd).

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RealS3, type S3Keys } from '../real/s3.ts'

export interface TestCeph {
  /** Of the bucket. */
  readonly url: string
  /** Keys of the objects that are there. */
  list(): string[]
  /** The gateway ends, with no time to say goodbye. */
  kill(): Promise<void>
  start(): Promise<void>
  end(): Promise<void>
}

const BUCKET = 'mail'
const PROGRAMS = ['radosgw', 'radosgw-admin', 'ceph', 'ceph-mon', 'ceph-osd', 'ceph-authtool', 'monmaptool']
const WHO = ['mon.', 'client.admin', 'client.gateway', 'osd.0']

export async function testCeph(keys: S3Keys): Promise<TestCeph | undefined> {
  if (!PROGRAMS.every((name) => existsSync(join('/usr/bin', name)))) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-ceph-'))
  for (const name of ['mon', 'osd', 'gateway']) mkdirSync(join(folder, name))
  const [newPort, oldPort, port] = [await freePort(), await freePort(), await freePort()]
  const [cluster, disk] = [randomUUID(), randomUUID()]
  const monitor = `[v2:127.0.0.1:${newPort},v1:127.0.0.1:${oldPort}]`
  const config = join(folder, 'ceph.conf')
  writeFileSync(config, configuration({ folder, cluster, monitor, port }))
  const keyring = join(folder, 'keyring')
  const run = (program: string, ...words: string[]) =>
    execFileSync(program, ['-c', config, ...words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    })
  const begin = (program: string, ...words: string[]) =>
    spawn(program, ['-f', '-c', config, ...words], { stdio: 'ignore', cwd: folder })
  const running: ChildProcess[] = []
  let gateway: ChildProcess | undefined
  const start = async () => {
    gateway = begin('radosgw', '-n', 'client.gateway')
    await until(() => answers(port))
  }
  const kill = async () => {
    if (gateway !== undefined) await ended(gateway)
    gateway = undefined
  }
  const end = async () => {
    await kill()
    for (const daemon of running.reverse()) await ended(daemon)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    for (const [index, name] of WHO.entries()) {
      const caps = ['mon', 'osd', 'mgr'].flatMap((daemon) => ['--cap', daemon, 'allow *'])
      const file = index === 0 ? ['--create-keyring', keyring] : [keyring]
      execFileSync('ceph-authtool', [...file, '--gen-key', '-n', name, ...caps], { stdio: 'ignore' })
    }
    const map = join(folder, 'monitors')
    execFileSync('monmaptool', ['--create', '--fsid', cluster, '--addv', 'a', monitor, map], { stdio: 'ignore' })
    run('ceph-mon', '--mkfs', '-i', 'a', '--monmap', map, '--keyring', keyring)
    running.push(begin('ceph-mon', '-i', 'a'))
    run('ceph', 'osd', 'new', disk)
    run('ceph-osd', '--mkfs', '-i', '0', '--osd-uuid', disk)
    running.push(begin('ceph-osd', '-i', '0'))
    await until(() => run('ceph', 'osd', 'stat').includes(' 1 up'))
    await start()
    const user = ['--uid', 'borderpost', '--display-name', 'Borderpost']
    run('radosgw-admin', 'user', 'create', ...user, '--access-key', keys.accessKey, '--secret', keys.secretKey)
    const url = `http://127.0.0.1:${port}/${BUCKET}`
    // An object without a name is the bucket itself.
    await new RealS3(url, keys).put('', Buffer.alloc(0))
    const list = () => {
      const found = JSON.parse(run('radosgw-admin', 'bucket', 'list', '--bucket', BUCKET, '--max-entries', '100000'))
      return (found as { name: string }[]).map(({ name }) => name)
    }
    return { url, list, kill, start, end }
  } catch (error) {
    await end()
    throw error
  }
}

interface Layout {
  readonly folder: string
  readonly cluster: string
  readonly monitor: string
  readonly port: number
}

const configuration = ({ folder, cluster, monitor, port }: Layout) => `[global]
fsid = ${cluster}
mon host = ${monitor}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = ${folder}/keyring
mon data = ${folder}/mon
mon data avail crit = 0
mon allow pool size one = true
osd data = ${folder}/osd
osd objectstore = memstore
memstore device bytes = 1073741824
osd pool default size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
run dir = ${folder}
admin socket = ${folder}/$name.asok
pid file = ${folder}/$name.pid
log file = /dev/null
[client.gateway]
rgw data = ${folder}/gateway
rgw frontends = beast endpoint=127.0.0.1:${port}
`

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function answers(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/`).then(
    ({ ok }) => ok,
    () => false,
  )
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (await isSo()) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('Ceph does not start.')
}

async function ended(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return
  const gone = new Promise((resolve) => daemon.once('exit', resolve))
  daemon.kill('SIGKILL')
  await gone
}
