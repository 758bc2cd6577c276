"""Imports .glb files into Blender and prints one JSON report per file; run by a Python with bpy."""

import json
import sys

import bpy

reports = []
for path in sys.argv[1:]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=path)
    meshes = [item for item in bpy.data.objects if item.type == "MESH"]
    reports.append(
        {
            "meshes": {item.name: len(item.data.polygons) for item in meshes},
            "uv_layers": [len(item.data.uv_layers) for item in meshes],
            "materials": len(bpy.data.materials),
            "images": [list(image.size) for image in bpy.data.images if image.size[0]],
            "empties": {
                item.name: [round(v, 4) for v in item.matrix_world.translation]
                for item in bpy.data.objects
                if item.type == "EMPTY"
            },
            "classes": sorted(item["class"] for item in bpy.data.objects if "class" in item),
        }
    )
print("FOUND " + json.dumps(reports))
