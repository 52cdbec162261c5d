// Settings, filters: Sieve scripts over JMAP (RFC 9661): listed, written, checked where a mistake stands, one active.

import { createResource, createSignal, For, Show } from 'solid-js'
import type { Jmap } from '../jmap.ts'
import { type Mistake, mistakesIn, offsetOf } from './mistakes.ts'

interface Script {
  readonly id: string
  readonly name: string
  readonly blobId: string
  readonly isActive: boolean
}

interface Open {
  readonly script: Script | undefined
  readonly name: string
  readonly text: string
}

const EXAMPLE = `require ["fileinto"];

if header :contains "subject" "newsletter" {
  fileinto "Archive";
}
`

export function SieveSettings(props: { jmap: Jmap }) {
  const load = async (): Promise<readonly Script[]> => (await props.jmap.call(['SieveScript/get', {}]))[0].list
  const [scripts, { refetch }] = createResource(() => load().catch(() => undefined))
  const [open, setOpen] = createSignal<Open>()
  const [error, setError] = createSignal('')

  async function run(work: () => Promise<unknown>): Promise<void> {
    setError('')
    try {
      await work()
      await refetch()
    } catch (failure) {
      setError((failure as Error).message)
    }
  }

  const edit = (script: Script) =>
    run(async () => {
      const response = await fetch(props.jmap.downloadUrl(script.blobId, 'script.sieve', 'application/sieve'))
      if (!response.ok) throw new Error('The script cannot be read.')
      setOpen({ script, name: script.name, text: await response.text() })
    })
  const activate = (script: Script) =>
    run(() =>
      props.jmap.set(
        'SieveScript/set',
        script.isActive ? { onSuccessDeactivateScript: true } : { onSuccessActivateScript: script.id },
      ),
    )
  const remove = (script: Script) =>
    confirm(`Delete the script ${script.name}?`)
      ? run(() => props.jmap.set('SieveScript/set', { destroy: [script.id] }))
      : undefined

  return (
    <Show when={scripts()}>
      {(list) => (
        <section class="setting" id="filters">
          <h3>Filters</h3>
          <p class="quiet">
            A script in the language Sieve sorts your mail as it arrives. One script is active; mail programs that speak
            ManageSieve show the same ones.
          </p>
          <ul class="trusted">
            <For each={list()} fallback={<li class="quiet">None yet.</li>}>
              {(script) => (
                <li>
                  <span>
                    <strong>{script.name}</strong>
                    <span class="quiet">{script.isActive ? ' active' : ''}</span>
                  </span>
                  <span class="row">
                    <button type="button" aria-label={`Edit ${script.name}`} onClick={() => void edit(script)}>
                      Edit
                    </button>
                    <button
                      type="button"
                      aria-label={`${script.isActive ? 'Turn off' : 'Activate'} ${script.name}`}
                      onClick={() => void activate(script)}
                    >
                      {script.isActive ? 'Turn off' : 'Activate'}
                    </button>
                    <Show when={!script.isActive}>
                      <button type="button" aria-label={`Delete ${script.name}`} onClick={() => void remove(script)}>
                        Delete
                      </button>
                    </Show>
                  </span>
                </li>
              )}
            </For>
          </ul>
          <Show
            when={open()}
            keyed
            fallback={
              <p>
                <button type="button" onClick={() => setOpen({ script: undefined, name: '', text: EXAMPLE })}>
                  New script
                </button>
              </p>
            }
          >
            {(opened) => (
              <Editor
                jmap={props.jmap}
                opened={opened}
                onClose={() => setOpen(undefined)}
                onSaved={() => void refetch()}
              />
            )}
          </Show>
          <p class="error" role="alert">
            {error()}
          </p>
        </section>
      )}
    </Show>
  )
}

function Editor(props: { jmap: Jmap; opened: Open; onClose: () => void; onSaved: () => void }) {
  // The editor is made anew for each script.
  const { script } = props.opened
  const [name, setName] = createSignal(props.opened.name)
  const [text, setText] = createSignal(props.opened.text)
  const [mistakes, setMistakes] = createSignal<readonly Mistake[]>([])
  const [status, setStatus] = createSignal('')
  const [error, setError] = createSignal('')
  let area!: HTMLTextAreaElement
  let numbers!: HTMLPreElement
  const lines = () => text().split('\n').length

  async function upload(): Promise<string> {
    const { blobId } = await props.jmap.upload(new Blob([text()], { type: 'application/sieve' }))
    return blobId
  }

  /** The blob, where the script has no mistakes. */
  async function checked(): Promise<string | undefined> {
    setStatus('')
    setError('')
    const blobId = await upload()
    const [{ error: found }] = await props.jmap.call(['SieveScript/validate', { blobId }])
    const shown = found === null ? [] : mistakesIn(String(found.description ?? found.type))
    setMistakes(shown)
    return found === null ? blobId : undefined
  }

  async function act(work: (blobId: string) => Promise<void> | void): Promise<void> {
    try {
      const blobId = await checked()
      if (blobId !== undefined) await work(blobId)
    } catch (failure) {
      setError((failure as Error).message)
    }
  }

  const check = () => act(() => void setStatus('No mistakes.'))
  const save = (event: SubmitEvent) => {
    event.preventDefault()
    return act(async (blobId) => {
      const change = { name: name(), blobId }
      await props.jmap.set(
        'SieveScript/set',
        script === undefined ? { create: { s: change } } : { update: { [script.id]: change } },
      )
      props.onSaved()
      props.onClose()
    })
  }

  function show({ line, column }: Mistake): void {
    const at = offsetOf(text(), line, column)
    area.focus()
    area.setSelectionRange(at, at + 1)
    area.scrollTop = (line - 3) * (area.scrollHeight / lines())
  }

  return (
    <form class="identity" onSubmit={(event) => void save(event)}>
      <label>
        Name
        <input required maxlength={500} value={name()} onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <label>
        Script
        <div class="script-text">
          <pre ref={numbers} aria-hidden="true">
            {Array.from({ length: lines() }, (_, at) => at + 1).join('\n')}
          </pre>
          <textarea
            ref={area}
            rows={14}
            wrap="off"
            spellcheck={false}
            autocapitalize="off"
            autocomplete="off"
            aria-invalid={mistakes().length > 0}
            aria-describedby="mistakes"
            value={text()}
            onInput={(event) => setText(event.currentTarget.value)}
            onScroll={(event) => {
              numbers.scrollTop = event.currentTarget.scrollTop
            }}
          />
        </div>
      </label>
      <ul id="mistakes" class="mistakes" role="alert">
        <For each={mistakes()}>
          {(mistake) => (
            <li>
              <button type="button" class="link" onClick={() => show(mistake)}>
                {mistake.line}:{mistake.column}
              </button>{' '}
              {mistake.message}
            </li>
          )}
        </For>
      </ul>
      <p class="row">
        <button type="submit" class="primary">
          Save
        </button>
        <button type="button" onClick={() => void check()}>
          Check
        </button>
        <button type="button" onClick={() => props.onClose()}>
          Cancel
        </button>
        <span class="quiet" role="status">
          {status()}
        </span>
      </p>
      <p class="error" role="alert">
        {error()}
      </p>
    </form>
  )
}
