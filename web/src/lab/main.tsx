// The lab: an HTML page of its own, so that it can be hosted as static files.

import { render } from 'solid-js/web'
import '../style/tokens.css'
import '../style/base.css'
import './style/lab.css'
import './style/run.css'
import { LabPage } from './LabPage.tsx'

render(() => <LabPage />, document.getElementById('app')!)
