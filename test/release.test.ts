// What `npm pack` gives runs where no sources are: Node strips no types below node_modules, so everything there must be
// compiled JavaScript, the store's worker included.

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

const ROOT = join(import.meta.dirname, '..')
const run = promisify(execFile)

test('the packed release runs the demo from an empty folder', { timeout: 180_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-release-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  // Its scripts one by one: building the pages again would pull them from under tests that show them.
  await run(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'], {
    cwd: ROOT,
  })
  const pack = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder]
  const { stdout } = await run('npm', pack, { cwd: ROOT })
  const installed = join(folder, 'node_modules', 'borderpost')
  mkdirSync(installed, { recursive: true })
  const tarball = stdout.trim().split('\n').at(-1)!
  await run('tar', ['xzf', join(folder, tarball), '-C', installed, '--strip-components=1'])
  // What npm would install beside it.
  for (const name of readdirSync(join(ROOT, 'node_modules')).filter((name) => !name.startsWith('.')))
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))

  const demo = spawn(process.execPath, [join(installed, 'bin', 'borderpost.js'), 'demo', '--json'], { cwd: folder })
  t.after(() => demo.kill('SIGKILL'))
  let said = ''
  let complaints = ''
  demo.stderr.on('data', (text) => (complaints += text))
  const ready = await new Promise<{ ready: boolean; folder: string; web: string }>((resolve, reject) => {
    demo.stdout.on('data', (text) => {
      said += text
      if (said.includes('\n')) resolve(JSON.parse(said))
    })
    demo.on('exit', (code) => reject(new Error(`ended with ${code}: ${complaints}`)))
  })
  assert.equal(ready.ready, true)
  assert.equal(ready.folder, join(folder, 'borderpost-demo'))
  const page = await fetch(`${ready.web}/mail`)
  assert.match(await page.text(), /<script/)
  demo.removeAllListeners('exit')
  const ended = new Promise((resolve) => demo.on('exit', resolve))
  demo.kill('SIGINT')
  assert.equal(await ended, 0)
})
