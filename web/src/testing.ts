// For tests only: the built pages as static files in some folder of a host, under a policy, and a browser to open them with.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join, normalize } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { build } from 'vite'

const CHROMIUM = '/usr/bin/chromium'
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
const WEB = new URL('..', import.meta.url).pathname
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}

export const NO_BROWSER = existsSync(CHROMIUM) ? false : `no browser at ${CHROMIUM}`

export interface HostedPages {
  /** Of the folder, with its last slash. */
  readonly url: string
  readonly browser: Browser
  close(): Promise<void>
}

/** Builds the pages and serves them. `mode`: as of vite, 'static' for those alone that need no server. */
export async function hostPages({ policy, mode }: { policy: string; mode?: string }): Promise<HostedPages> {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-pages-'))
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url!, 'http://x').pathname)
    const file = join(folder, path.replace(/^\/some\/folder/, ''), path.endsWith('/') ? 'index.html' : '')
    if (!path.startsWith('/some/folder/') || !existsSync(file)) {
      response.writeHead(404).end()
      return
    }
    response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream')
    response.setHeader('content-security-policy', policy)
    response.end(readFileSync(file))
  })
  await build({ root: WEB, logLevel: 'silent', build: { outDir: folder, emptyOutDir: true }, ...(mode && { mode }) })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/some/folder/`,
    browser,
    async close() {
      await browser.close()
      server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
