#!/usr/bin/env node
// The `borderpost` command for any Node: finds the Node that the project brings (the `node` package)
// and starts src/cli/main.ts (or, in a packed release, the compiled dist/) with it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const home = join(dirname(fileURLToPath(import.meta.url)), '..')
// A checkout runs its sources; a packed release has none and runs what was compiled from them.
const sources = join(home, 'src', 'cli', 'main.ts')
const entry = existsSync(sources) ? sources : join(home, 'dist', 'src', 'cli', 'main.js')
const NEEDED_MAJOR = 24

/** The path of a Node new enough, or undefined: this one, else the one in the `node` package. */
function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) return process.execPath
  try {
    const packageJson = createRequire(join(home, 'package.json')).resolve('node/package.json')
    const candidate = join(dirname(packageJson), 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
    return existsSync(candidate) ? candidate : undefined
  } catch {
    return undefined
  }
}

const node = findNode()
if (node === undefined) {
  console.error(
    `borderpost needs Node ${NEEDED_MAJOR} or newer; this is ${process.version} and the package "node" is not installed beside it.`,
  )
  console.error('Run "npm ci" in the project (without --ignore-scripts), or install a newer Node.')
  process.exit(1)
}
if (node === process.execPath) {
  await import(pathToFileURL(entry).href)
} else {
  // The ipc channel tells the child when this process is gone, however it went: it never outlives us.
  const child = spawn(node, [entry, ...process.argv.slice(2)], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
  // From a terminal the child hears Ctrl-C twice, once from the terminal itself: it takes both for one wish.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)))
}
