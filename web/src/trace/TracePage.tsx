// Understand a message: paste it, or drop its file; the server says which path it took. Nothing is kept.

import { createSignal, Show } from 'solid-js'
import type { TraceView } from '../api.ts'
import { TopBar } from '../parts/TopBar.tsx'
import { TraceResult } from '../parts/TraceResult.tsx'

export function TracePage() {
  document.title = 'Trace · Borderpost'
  const [source, setSource] = createSignal('')
  const [view, setView] = createSignal<TraceView>()
  const [error, setError] = createSignal('')

  async function trace(message: string | Blob): Promise<void> {
    setError('')
    const response = await fetch('/api/trace', {
      method: 'POST',
      headers: { 'content-type': 'message/rfc822' },
      body: message,
    }).catch(() => undefined)
    const answer = await response?.json().catch(() => undefined)
    if (response?.ok) setView(answer)
    else setError(answer?.error ?? 'The server could not read this.')
  }

  async function drop(event: DragEvent): Promise<void> {
    event.preventDefault()
    const file = event.dataTransfer?.files[0]
    if (!file) return
    setSource(await file.text())
    await trace(file)
  }

  return (
    <>
      <TopBar here="/trace" />
      <main class="page">
        <h1>Understand a message</h1>
        <p class="lead">
          Every agent that passes a message on writes a line on top of it. Paste a message with its header (in most mail
          programs: “show original”), and see the path it took.
        </p>
        <form
          class="trace-form"
          onSubmit={(event) => {
            event.preventDefault()
            trace(source())
          }}
          onDragOver={(event) => event.preventDefault()}
          onDrop={drop}
        >
          <label for="source">The message, or only its header</label>
          <textarea
            id="source"
            rows="10"
            spellcheck={false}
            placeholder={'Received: from …\nFrom: …\n\nYou can also drop an .eml file here.'}
            value={source()}
            onInput={(event) => setSource(event.currentTarget.value)}
          />
          <p class="row">
            <button type="submit" class="primary" disabled={source().trim() === ''}>
              Show its path
            </button>
            <span class="quiet">It is read on this server and not kept.</span>
          </p>
        </form>
        <p class="error" role="alert">
          {error()}
        </p>
        <Show when={view()}>{(shown) => <TraceResult view={shown()} />}</Show>
      </main>
    </>
  )
}
