import { defineConfig } from 'vite'
import solid from 'vite-plugin-solid'

// The pages, built to web/dist; src/web/server.ts serves them. While writing them: `npx vite web` passes
// what is not a page on to a running `borderpost demo`.
export default defineConfig({
  plugins: [solid()],
  // Inlined data: images are allowed by the page's policy, inlined scripts are not.
  build: { outDir: 'dist', emptyOutDir: true, target: 'es2022', modulePreload: { polyfill: false } },
  server: { proxy: { '/api': 'http://localhost:8080', '/jmap': 'http://localhost:8080' } },
})
