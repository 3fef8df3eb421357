/**
 * Bundles the Desk of a sandbox bench: every `*.bundle.*` below an app's `public` folder.
 *
 *     node build.mjs [--apps frappe,erpnext] [--production]
 *
 * It stands in `apps/frappe` of the bench, beside `node_modules`, so that `bench build` finds it too; another bench
 * that links to that folder is named by FRAPPE_BENCH_ROOT, as Frappe's own build has it. What it leaves
 * is what the framework looks for: `sites/assets/<app>/dist/{js,css,css-rtl}/<name>.bundle.<hash>.*`, and
 * `sites/assets/assets.json` and `assets-rtl.json`, which map a bundle's name to its address.
 */
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import * as esbuild from "esbuild";
import rtlcss from "rtlcss";
import * as sass from "sass";
import { compileScript, compileStyleAsync, compileTemplate, parse } from "vue/compiler-sfc";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const BENCH = process.env.FRAPPE_BENCH_ROOT || path.join(HERE, "..", "..");
const APPS = path.join(BENCH, "apps");
const SITES = path.join(BENCH, "sites");
const ASSETS = path.join(SITES, "assets");
const MODULES = path.join(HERE, "node_modules");
const BUNDLE = /\.bundle\.(js|ts|css|scss|sass)$/;

const { values: options } = parseArgs({
	strict: false, // `bench build` passes options of its own
	options: { apps: { type: "string" }, production: { type: "boolean" } },
});
const listed = fs.readFileSync(path.join(SITES, "apps.txt"), "utf8").split("\n").filter(Boolean);
const apps = options.apps ? options.apps.split(",") : listed;

/** All bundle sources of an app. Links are followed, as an app may be one. */
function sources(app) {
	const found = [];
	const walk = (folder) => {
		for (const name of fs.readdirSync(folder).sort()) {
			const file = path.join(folder, name);
			if (fs.statSync(file).isDirectory()) {
				if (name !== "dist" && name !== "node_modules") walk(file);
			} else if (BUNDLE.test(name)) found.push(file);
		}
	};
	const folder = path.join(APPS, app, app, "public");
	if (fs.existsSync(folder)) walk(folder);
	return found;
}

/** `import "./page.html"` registers a template under the file's name. */
const html = {
	name: "html",
	setup(build) {
		build.onLoad({ filter: /\.html$/ }, (args) => {
			const name = path.basename(args.path).split(".")[0];
			const text = fs.readFileSync(args.path, "utf8");
			// As a template literal, since templates escape some quotes with a backslash.
			return { contents: `frappe.templates[${JSON.stringify(name)}] = \`${text.replaceAll("`", "\\`")}\`;` };
		});
	},
};

/** Vue's single-file components, each with its style in the script. */
const vue = {
	name: "vue",
	setup(build) {
		build.onLoad({ filter: /\.vue$/ }, async (args) => {
			const { descriptor, errors } = parse(fs.readFileSync(args.path, "utf8"), { filename: args.path });
			if (errors.length) throw errors[0];
			return { contents: await component(descriptor, args.path), resolveDir: path.dirname(args.path) };
		});
	},
};

async function component(descriptor, filename) {
	const id = createHash("sha256").update(path.relative(APPS, filename)).digest("hex").slice(0, 8);
	const scopeId = `data-v-${id}`;
	const scoped = descriptor.styles.some((style) => style.scoped);
	const compilerOptions = { scopeId: scoped ? scopeId : undefined };
	const template = { compilerOptions };
	const genDefaultAs = "component";
	const lines = ["const component = {};"];
	if (descriptor.script || descriptor.scriptSetup) {
		const inlineTemplate = Boolean(descriptor.scriptSetup && descriptor.template);
		const script = { id, genDefaultAs, inlineTemplate, templateOptions: template };
		lines[0] = compileScript(descriptor, script).content;
	}
	if (descriptor.template && !descriptor.scriptSetup) {
		const source = descriptor.template.content;
		const made = compileTemplate({ source, filename, id, scoped, compilerOptions });
		if (made.errors.length) throw new Error(String(made.errors[0]));
		lines.push(made.code.replace("export function render", "function render"), "component.render = render;");
	}
	if (scoped) lines.push(`component.__scopeId = ${JSON.stringify(scopeId)};`);
	for (const style of descriptor.styles) {
		const source = style.lang === "scss" ? compileSass(style.content, filename) : style.content;
		const made = await compileStyleAsync({ source, filename, id: scopeId, scoped: style.scoped });
		if (made.errors.length) throw made.errors[0];
		lines.push(`frappe.dom.set_style(${JSON.stringify(made.code)});`);
	}
	lines.push("export default component;");
	return lines.join("\n");
}

/** Sass, with `~package/file` from npm and `app/folder/file` from the bench. A name without `.css` is inlined. */
function compileSass(text, file) {
	const importer = {
		findFileUrl(address, { fromImport }) {
			if (address.startsWith("/") || address.startsWith("http")) return null;
			const plain = address.replace(/\.css$/, "");
			if (plain.startsWith("~")) return pathToFileURL(path.join(MODULES, plain.slice(1)));
			const app = plain.split("/")[0];
			if (fromImport && listed.includes(app)) return pathToFileURL(path.join(APPS, app, plain));
			return null;
		},
	};
	return sass.compileString(text, {
		url: pathToFileURL(file),
		syntax: file.endsWith(".sass") ? "indented" : "scss",
		importers: [importer],
		importer: { findFileUrl: (address) => relative(address, file) },
		loadPaths: [MODULES],
		quietDeps: true,
		logger: sass.Logger.silent,
	}).css;
}

function relative(address, file) {
	if (address.startsWith("file:")) return new URL(address.replace(/\.css$/, ""));
	return new URL(address.replace(/\.css$/, ""), pathToFileURL(file));
}

/** Style sheets; `right_to_left` mirrors them. Addresses of images and fonts stay as they are. */
const styles = (right_to_left) => ({
	name: "styles",
	setup(build) {
		build.onResolve({ filter: /.*/ }, (args) => {
			if (args.kind === "url-token" || args.path.startsWith("/assets/")) {
				return { path: args.path, external: true };
			}
		});
		build.onLoad({ filter: /\.(css|scss|sass)$/ }, (args) => {
			const text = compileSass(fs.readFileSync(args.path, "utf8"), args.path);
			return { contents: right_to_left ? rtlcss.process(text) : text, loader: "css" };
		});
	},
});

/** Bundles `files` into `assets/<app>/dist/<folder>` and returns name → address. */
async function bundle(files, folder, plugins) {
	const entryPoints = files.map(([app, file]) => ({
		in: file,
		out: path.join(app, "dist", folder, path.basename(file).replace(/\.[a-z]+$/, "")),
	}));
	if (!entryPoints.length) return {};
	const { metafile } = await esbuild.build({
		absWorkingDir: SITES,
		entryPoints,
		entryNames: "[dir]/[name].[hash]",
		outdir: ASSETS,
		bundle: true,
		metafile: true,
		minify: Boolean(options.production),
		sourcemap: options.production ? false : "linked",
		target: folder === "js" ? ["es2017"] : ["chrome58"], // mail's CSS parser knows no #rrggbbaa
		preserveSymlinks: true,
		nodePaths: [MODULES, ...listed.map((app) => path.join(APPS, app))],
		define: {
			"process.env.NODE_ENV": JSON.stringify("production"),
			__VUE_OPTIONS_API__: "true",
			__VUE_PROD_DEVTOOLS__: "false",
		},
		plugins,
		logLevel: "error",
	});
	const made = {};
	for (const [output, { entryPoint }] of Object.entries(metafile.outputs)) {
		if (!entryPoint) continue;
		const name = path.basename(entryPoint).replace(/\.(scss|sass)$/, ".css").replace(/\.ts$/, ".js");
		made[folder === "css-rtl" ? `rtl_${name}` : name] = `/${output}`;
		sweep(path.join(SITES, output));
	}
	return made;
}

/** Removes what an earlier build left of the same bundle. */
function sweep(kept) {
	const folder = path.dirname(kept);
	const stem = path.basename(kept).split(".").slice(0, -2).join(".");
	for (const name of fs.readdirSync(folder)) {
		if (!name.startsWith(`${stem}.`) || name.startsWith(path.basename(kept))) continue;
		fs.rmSync(path.join(folder, name));
	}
}

function record(file, made) {
	const target = path.join(ASSETS, file);
	const before = fs.existsSync(target) ? JSON.parse(fs.readFileSync(target, "utf8")) : {};
	fs.writeFileSync(`${target}.new`, JSON.stringify({ ...before, ...made }, null, 4));
	fs.renameSync(`${target}.new`, target);
}

const all = apps.flatMap((app) => sources(app).map((file) => [app, file]));
const scripts = all.filter(([, file]) => /\.(js|ts)$/.test(file));
const sheets = all.filter(([, file]) => !/\.(js|ts)$/.test(file));
const [js, css, rtl] = await Promise.all([
	bundle(scripts, "js", [html, vue]),
	bundle(sheets, "css", [styles(false)]),
	bundle(sheets, "css-rtl", [styles(true)]),
]);
record("assets.json", { ...js, ...css });
record("assets-rtl.json", rtl);
console.log(`${Object.keys({ ...js, ...css, ...rtl }).length} bundles of ${apps.join(", ")}`);
