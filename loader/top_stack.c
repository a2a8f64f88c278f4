// SPDX-License-Identifier: GPL-2.0
/*
 * A device and what it is made of, with the limits of copies at each layer.
 */
#include <stdio.h>
#include <string.h>

#include "rows.h"
#include "top.h"

#define DEPTH_MAX 8

struct stack {
	struct top_layer *layers;
	size_t nr;
};

/* What people call a mapped device is its name in dm/. */
static void name_layer(const struct device *dev, struct top_layer *layer)
{
	char dir[4096];

	snprintf(layer->name, sizeof(layer->name), "%s", dev->name);
	snprintf(layer->model, sizeof(layer->model), "%s", dev->model);
	if (!*layer->model && !device_dir(dev, dir, sizeof(dir) - 8)) {
		strcat(dir, "/dm");
		device_text(dir, "name", layer->model, sizeof(layer->model));
	}
}

static void add_layer(struct stack *stack, const struct device *dev,
		      unsigned int depth)
{
	struct top_layer *layer = &stack->layers[stack->nr++];

	*layer = (struct top_layer){ .depth = depth,
				     .copy_max = dev->copy_max_bytes,
				     .hw_max = dev->copy_max_hw_bytes,
				     .range_max = dev->copy_max_range_hw_bytes,
				     .ranges = dev->copy_max_ranges };
	name_layer(dev, layer);
}

/* A partition has the limits of its disk, and its disk's parts. */
static void walk(struct stack *stack, const char *name, unsigned int depth)
{
	struct device dev;

	if (depth >= DEPTH_MAX || stack->nr == TOP_LAYERS_MAX ||
	    device_find(name, &dev))
		return;
	add_layer(stack, &dev, depth);
	for (char **part = dev.stack; part && *part; part++)
		walk(stack, *part, depth + 1);
	device_free(&dev);
}

static uint64_t least(const struct stack *stack)
{
	uint64_t min = ROWS_NONE;

	for (size_t i = 0; i < stack->nr; i++)
		if (stack->layers[i].copy_max < min)
			min = stack->layers[i].copy_max;
	return min;
}

/* Does a part of layer @i have the limit, too?  Then @i only has it from there. */
static bool inherited(const struct stack *stack, size_t i)
{
	const struct top_layer *layer = &stack->layers[i];

	for (size_t j = i + 1;
	     j < stack->nr && stack->layers[j].depth > layer->depth; j++)
		if (stack->layers[j].copy_max == layer->copy_max)
			return true;
	return false;
}

/* In a stack of one there is nothing to compare. */
static void mark_weakest(struct stack *stack)
{
	uint64_t min = least(stack);

	for (size_t i = 0; stack->nr > 1 && i < stack->nr; i++)
		stack->layers[i].weakest = min != ROWS_NONE &&
					   stack->layers[i].copy_max == min &&
					   !inherited(stack, i);
}

size_t top_stack(const char *name, struct top_layer layers[TOP_LAYERS_MAX])
{
	struct stack stack = { layers, 0 };

	walk(&stack, name, 0);
	mark_weakest(&stack);
	return stack.nr;
}
